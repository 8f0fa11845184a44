#!/bin/sh
# laplace: same
# A background service: nohup, setsid, a pid file, a log, requests through a spool directory, a clean stop.
mkdir spool
cat >service <<'end'
#!/bin/sh
trap 'echo stopping; rm -f pid; exit 0' TERM
echo $$ >pid.tmp; mv pid.tmp pid
echo started
while :; do
	for f in spool/*.req; do
		[ -e "$f" ] || continue
		tr a-z A-Z <"$f" >"${f%.req}.tmp"; rm "$f"; echo "served ${f##*/}"
		mv "${f%.req}.tmp" "${f%.req}.ans" # last: the client may end us as soon as it has this
	done
	sleep 0.01
done
end
chmod +x service
nohup setsid ./service >log 2>&1 </dev/null &
while [ ! -e pid ]; do sleep 0.01; done
for r in one two three; do
	echo "$r" >spool/$r.tmp0; mv spool/$r.tmp0 spool/$r.req
	while [ ! -e spool/$r.ans ]; do sleep 0.01; done
	cat spool/$r.ans
done
kill "$(cat pid)"
while [ -e pid ]; do sleep 0.01; done
wait; cat log; ls spool
