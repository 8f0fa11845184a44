#!/bin/sh
# laplace: pinned refused=*
# python3's http.server and curl in one box: files, a listing, what is not there, what is posted; the server's log has its times.
mkdir www
echo hello >www/a.txt
head -c 300000 /dev/zero | tr '\0' x >www/big
cat >serve.py <<'end'
import http.server, sys
class Handler(http.server.SimpleHTTPRequestHandler):
    def do_POST(self):
        n = int(self.headers["Content-Length"])
        body = self.rfile.read(n)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"%d bytes\n" % len(body))
    def __init__(self, *args):
        super().__init__(*args, directory="www")
s = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(s.server_address[1], flush=True)
s.serve_forever()
end
mkfifo ready
python3 serve.py >ready 2>log &
server=$!
read -r port <ready
url=http://127.0.0.1:$port
curl -s $url/a.txt || echo FAIL
curl -s $url/ | grep href
curl -s -o got $url/big && cmp got www/big || echo FAIL
curl -s -o /dev/null -w '%{http_code} %{size_download}\n' $url/none
curl -s --data-binary @www/big $url/post
curl -s -i $url/a.txt | tr -d '\r'
(
	for i in 1 2 3 4; do curl -s -o got$i $url/big & done
	wait
)
cmp got1 got4 || echo FAIL
kill $server
wait $server
sed "s/:$port/:PORT/" log
curl -s $url/a.txt
echo "nobody: $?"
