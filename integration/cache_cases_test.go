package integration

// python runs a Python program in a script.
func python(program string) string { return "python3 -c '" + program + "'" }

var cacheCases = []cacheCase{
	{name: "01 again", run: "echo foo; cat f > h", want: hit},
	{name: "02 content", run: "cat f", edit: "echo other > f", want: miss, why: "/p/f has another content"},
	{name: "03 host mtime", before: "true", run: "cat f; stat -c %y f", edit: "touch f", want: hit},
	{name: "03 mtime in the box", before: "true", run: "cat f; stat -c %y f", box: "touch f", want: part, why: "/p/f has another modification time"},
	{name: "04 content of the same size and mtime", run: "cat f", edit: "cp -p f r; printf 'eno\\n' > f; touch -r r f; rm r", want: miss, why: "/p/f has another content"},
	{name: "05 header earlier in the path", setup: "mkdir a b; echo '#define X 1' > b/x.h; printf '#include <x.h>\\nint x = X;\\n' > x.c", run: "cc -Ia -Ib -c x.c", edit: "echo '#define X 2' > a/x.h",
		want: miss, why: "/p/a/x.h is there"},
	{name: "06 probe", run: "test -e probe || echo no", edit: "touch probe", want: miss, why: "/p/probe is there"},
	{name: "07 errno", run: "cat d/y; :", edit: "rm -r d; touch d", want: miss, why: "/p/d"},
	{name: "08 listed", setup: "touch a.c b.c", run: "echo *.c", edit: "touch five.c", want: miss, why: "/p lists other names"},
	{name: "08 unlisted", run: "cat d/x", edit: "touch d/y", want: hit},
	{name: "09 lists its own", run: "touch n1 n2; ls; ls d; touch d/n; ls d; echo d/*", want: hit},
	{name: "10 read, then overwritten", run: "cat f; echo new > f; cat f", want: hit},
	{name: "10 read, then overwritten, edited", run: "cat f; echo new > f", edit: "echo other > f", want: miss, why: "/p/f has another content"},
	{name: "11 appends", run: "echo x >> f; cat f", want: hit},
	{name: "11 appends, edited", run: "echo x >> f", edit: "echo other > f", want: miss, why: "/p/f has another content"},
	{name: "12 truncates", run: "echo x > f", edit: "echo other > f", want: hit},
	{name: "12 truncates what is gone", run: "echo x > f", edit: "rm f", want: miss, why: "/p/f is missing"},
	{name: "13 exclusively", run: "set -C; echo x > new", edit: "echo y > new", want: miss, why: "/p/new is there"},
	{name: "14 renames twice", run: "echo a > a1; mv a1 a2; mv a2 a3; cat a3", want: hit},
	{name: "15 directory renamed", run: "mkdir d1; cp f d1; mv d1 d2; cat d2/f; echo g > d2/g", want: hit},
	{name: "16 temporary name", run: "x=$(mktemp -p .); echo hi > $x; mv $x out; ls", want: hit},
	{name: "17 deleted", run: "echo t > t; cat t; rm t", want: hit},
	{name: "17 deleted by one who is skipped", run: "sh -c 'echo t > d/t; rm d/t'; [ d -nt f ] && ls d; stat -c %y d; cat g", edit: "echo other > g", want: part, why: "/p/g has another content"},
	{name: "18 input unlinked", run: "cat f; rm f", want: hit},
	{name: "19 link retargeted", setup: "ln -s f l", run: "cat l", edit: "ln -sfn g l", want: miss, why: "/p/l is a link to something else"},
	{name: "20 component becomes a link", run: "cat d/x", edit: "mv d e; ln -s e d", want: miss, why: "/p/d"},
	{name: "21 links", run: "echo a > o1; ln o1 o2; ln f fl; ls -li; echo b >> o2; cat o1", want: hit},
	{name: "22 metadata", run: "echo o > o; chmod 640 o; touch -d 2001-02-03 o; setfattr -n user.x -v 1 o; chmod 600 f; touch -d 2001-02-03 g; mkdir -m 711 n; ls -l --full-time", want: hit},
	{name: "22 attributes of what it gives another", setup: "setfattr -n user.x -v 1 f", run: "setfattr -n user.y -v 2 f; getfattr -d f", edit: "setfattr -n user.x -v 3 f", want: miss, why: "/p/f has another mode, owner or number of links, or other extended attributes"},
	{name: "22 attributes of what it has changed", setup: "setfattr -n user.x -v 1 f", run: "chmod 600 f; getfattr -d f", edit: "setfattr -n user.x -v 2 f", want: miss, why: "other extended attributes"},
	{name: "22 links of what it has written", run: "echo z > f; stat -c %h f", edit: "ln f fl", want: miss, why: "number of links"},
	{name: "22 attributes below", setup: "setfattr -n user.x -v 1 f", run: "sh -c 'chmod 600 f'; sh -c 'getfattr -d f'; cat g", edit: "setfattr -n user.x -v 2 f", want: part, why: "other extended attributes"},
	{name: "22 time of what it has changed otherwise", before: "true", run: "chmod 600 f; stat -c %y f", box: "touch f", want: part, why: "/p/f has another modification time"},
	{name: "22 time below", before: "true", run: "sh -c 'chmod 600 f'; sh -c 'stat -c %y f'; cat g", box: "touch f", want: part, why: "/p/f has another modification time"},
	{name: "22 access time only", before: "true", run: "touch -a f; stat -c %y f", box: "touch f", want: part, why: "/p/f has another modification time"},
	{name: "22 mode of a directory in which it makes something", run: "sh -c 'touch d/n'; stat -c %a d; cat g", edit: "chmod 711 d", want: part, why: "/p/d has another mode"},
	{name: "22 directory that it may not write to", run: "touch d/n; ls d", edit: "chmod 500 d", want: miss, why: "/p/d"},
	{name: "22 attribute changed", setup: "setfattr -n user.x -v 1 f", run: "getfattr -d f", edit: "setfattr -n user.x -v 2 f", want: miss, why: "/p/f has other extended attributes"},
	{name: "23 sparse", run: "truncate -s 1M s; echo x >> s; dd if=/dev/zero of=t bs=4096 seek=100 count=1 2>/dev/null; stat -c '%b %s' s t", want: hit},
	{name: "23 holes", setup: "truncate -s 100000 s; echo x >> s", run: python(`import os; a=os.open("s",0); print(os.lseek(a,0,os.SEEK_DATA))`), edit: "cp --sparse=never s t; mv t s", want: miss, why: "/p/s has another size"},
	{name: "24 mapped", run: python(`import mmap; f=open("f","r+b"); m=mmap.mmap(f.fileno(),0); m[0:1]=b"O"; m.close()`) + "; cat f", want: hit},
	{name: "25 moved in the kernel", run: "cp --reflink=never f h; " + python(`import os; a=open("g","rb"); b=open("k","wb"); os.sendfile(b.fileno(),a.fileno(),0,100)`) + "; cat h k", want: hit},
	{name: "25 moved to what is inherited", run: "cat f > k; cat g; cat k", edit: "echo other > g", want: part, why: "/p/g has another content"},
	{name: "25 appended in the kernel", run: "busybox cat f d/x >> h; cat g; cat h", edit: "echo other > g; echo old > h", want: part, why: "/p/g has another content"},
	{name: "25 moved to a place", run: python(`import os; a=open("f"); os.copy_file_range(a.fileno(),1,4,None,1)`) + " > k; cat g k", edit: "echo other > g", want: miss, why: "to a place"},
	{name: "25 reads what it alone has", run: "rev < f; cat g; wc -c < f", edit: "echo other > g", want: part, why: "/p/g has another content"},
	{name: "25 reads on for others", run: "{ head -c1; cat g; cat; } < f; cat g > h", edit: "echo other > g; echo longer >> f", want: miss, why: "/p/f has another content"},
	{name: "25 reads on where others were", run: "{ head -c$(cat um) >/dev/null; rev; cat g; } < f", setup: "echo 1 > um", edit: "echo 2 > um", want: part, why: ""},
	{name: "25 size by a descriptor for writing", run: python(`import os; print(os.lseek(os.open("f",os.O_WRONLY),0,2))`), edit: "echo longer >> f", want: miss, why: "/p/f has another content"},
	{name: "26 environment", run: "true", second: []string{"--env", "X=2"}, want: miss, why: "not run before"},
	{name: "27 directory", setup: "mkdir .git", run: "pwd", second: []string{"-C", "d"}, want: miss, why: "not run before"},
	{name: "28 directories of children", run: "(cd d && cat x && pwd && cat ../f); cd d; (cd ..; sh -c 'cat f; cat d/x'); pwd -P", want: hit},
	{name: "29 umask", run: "umask $(cat um); sh -c 'echo z > z'; ls -l z", setup: "echo 022 > um", edit: "echo 077 > um", want: miss, why: "not run before"},
	{name: "30 interpreter", setup: "cp /bin/cat i; printf '#!/p/i\\nhello\\n' > s; chmod +x s", run: "./s", edit: "cp /usr/bin/rev i", want: miss, why: "not run before"},
	{name: "30 library", setup: "echo 'int l(void){return 1;}' | cc -shared -o l.so -xc -; echo 'int l(void); int main(void){return l();}' | cc -o m -xc - -xnone ./l.so", run: "./m",
		edit: "echo 'int l(void){return 2;}' | cc -shared -o l.so -xc -", want: miss, why: "/p/l.so has another content"},
	{name: "31 standard input", run: "wc -c; cat f", stdin: "some text\n", want: hit, whole: true},
	{name: "31 some of standard input", run: "head -c3; cat f", stdin: "some text\n", want: hit, whole: true},
	{name: "32 streams", run: "echo a; echo b >&2; (echo c; echo d >&2) 2>&1; printf e; sh -c 'echo f >&2'; echo g", want: hit},
	{name: "33 status", run: "exit 3", want: hit},
	{name: "34 signal", setup: "echo 'int main(void){return *(volatile int *)0;}' | cc -xc -o s -", run: "./s; echo $?; sh -c 'kill -TERM $$'; echo $?", want: hit},
	{name: "34 killed by another", run: "sleep 100 & kill $!; wait $!; echo $?", want: hit},
	{name: "35 path", setup: "mkdir b", run: "PATH=/p/b:$PATH; rev f", edit: "cp /bin/cat b/rev", want: miss, why: "/p/b/rev is there"},
	{name: "36 ways to start", run: python(`import os,subprocess; subprocess.run(["cat","f"]); os.posix_spawn("/bin/cat",["cat","g"],{}); os.wait(); os.system("cat f")`), want: hit},
	{name: "37 chain", run: "exec sh -c 'echo a > a1; exec sh -c \"cat f; exec cat g\"'", want: hit},
	{name: "38 without a name", run: python(`import os; d=os.memfd_create("m"); os.write(d,open("/bin/cat","rb").read()); os.execve(d,["cat","f"],{})`), want: miss, why: "no name", whole: true},
	{name: "38 from a thread", run: python(`import os,threading; t=threading.Thread(target=lambda:os.execv("/bin/cat",["cat","f"])); t.start(); t.join()`), want: hit},
	{name: "39 side by side", setup: "for i in 1 2 3 4; do echo $i > i$i; done",
		run:  "for i in 1 2 3 4; do sh -c 't=$(mktemp); rev i$0 > $t; cat $t > o$0; cat $t >> o$0; rm $t' $i & done; wait; stat -c '%y %n' o* .",
		edit: "echo other > i1", want: part, why: "/p/i1 has another content"},
	{name: "39 two write", run: "echo a > h & echo b > h & wait; cat h", want: hit, whole: true},
	{name: "40 reads while another writes", run: "cat f & echo x > f & wait", want: hit, whole: true},
	{name: "41 log", run: "echo a >> log & echo b >> log & wait; cat log", want: hit, whole: true},
	{name: "42 makes directories", run: "mkdir -p e/f & mkdir -p e/f & wait; ls e", want: hit, whole: true},
	{name: "42 races below", run: "sh -c 'echo a > h & echo b > h & wait; cat h'; cat f; cat g", edit: "echo other > g", want: part, why: "/p/g has another content"},
	{name: "43 output of a child", run: "sh -c 'echo hi > o'; cat o; sh -c 'cat o f > o2'; cat o2", want: hit},
	{name: "44 pipes", run: "cat f g | sort | wc -l; yes | head -1; cat f | (read x; echo $x)", want: hit},
	{name: "45 descriptors that are sent", run: python(`
import os,socket,array
a,b=socket.socketpair()
if os.fork()==0:
    socket.send_fds(a,[b"x"],[os.open("f",os.O_RDONLY)]); os._exit(0)
_,fds,_,_=socket.recv_fds(b,1,1); print(os.read(fds[0],100)); os.wait()`), want: hit},
	{name: "45 asks who is there", run: "cat f; sh -c 'kill -0 $PPID; echo $?'", edit: "echo > f", want: miss, why: "it looks for another process"},
	{name: "45 asks where its output goes", run: "cat f; sh -c 'readlink /proc/self/fd/1' > g; cat g", edit: "echo > f", want: part, why: "it asks where its descriptors lead"},
	{name: "45 talks with its parent", run: python(`
import socket,subprocess
print(open("f").read()); a,b=socket.socketpair()
c=subprocess.Popen(["cat"],stdin=b,stdout=subprocess.PIPE); b.close(); a.sendall(b"hi"); a.close(); print(c.communicate())`), edit: "echo > f", want: miss, why: "it uses a socket that it has inherited"},
	{name: "45 lists the processes", run: "sh -c 'for i in 1 2 3 4 5 6 7 8 9; do cat f >/dev/null; done' & sh -c 'cat g; cat g'; echo /proc/[2-9]*/comm | wc -w; ls /proc | wc -w; wait; cat g", edit: "echo other > g", want: miss, why: "it lists the processes"},
	{name: "45 looks at one", run: "sh -c 'for i in 1 2 3 4 5 6 7 8 9; do cat f >/dev/null; done' & sh -c 'cat g; cat g'; cat /proc/$!/task/$!/children; ls /proc/$!/fd; wait; cat g", edit: "echo other > g", want: miss, why: "it looks at another process"},
	{name: "45 opens a device of its own", run: python(`
import os,subprocess
d=os.open("/dev/null",os.O_RDWR); os.set_blocking(d,False); print(open("f").read(), os.get_blocking(0)); subprocess.run(["cat","g"])`), want: hit},
	{name: "46 outlives its parent", run: "sh -c '(echo late > late; sleep 1) &'; sleep 2; cat f", want: hit, whole: true},
	{name: "46 outlives its parent below", run: "cat um; sh -c '(echo late > late; sleep 1) &'; sleep 2; cat f", setup: "touch um", edit: "echo > um", want: part, why: "a process that it started"},
	{name: "47 inherited output", run: "(echo a; sh -c 'echo b; echo e >&2'; cat g) > out 2>&1; exec 5>> out; sh -c 'echo c >&5'; echo d >&5; cat out", want: hit},
	{name: "48 duplicates", run: "tar cf - f g d | tar tf -; tar cf t.tar f g; mkdir o; tar xf t.tar -C o; cat o/f", want: hit},
	{name: "49 threads", run: python(`
import threading
r={}
def read(n): r[n]=open(n).read()
ts=[threading.Thread(target=read,args=(n,)) for n in ("f","g","d/x")]
[t.start() for t in ts]; [t.join() for t in ts]; print(sorted(r.items()))`), want: hit},
	{name: "49 beside threads", run: python(`
import subprocess,threading
def run(i):
    for k in range(3): subprocess.run(["sh","-c","cat f d/x >> o%d; rev < g > p%d.%d" % (i,i,k)])
ts=[threading.Thread(target=run,args=(i,)) for i in range(3)]
[t.start() for t in ts]; [t.join() for t in ts]; print(open("h").read())`), setup: "echo h > h", edit: "echo other > h", want: part, why: "/p/h has another content"},
	{name: "49 noticed by a thread", run: python(`
import os,subprocess,threading
t=threading.Thread(target=lambda: subprocess.run(["sh","-c","for i in 1 2 3 4 5 6 7 8 9; do echo $i > w; done; cat f"])); t.start()
saw=[]
while t.is_alive():
    try: saw.append(open("w").read())
    except FileNotFoundError: saw.append(None)
print(saw, open("g").read())`), edit: "echo other > g", want: part, why: ""},
	{name: "49 time of children", run: python(`
import os,resource,subprocess,threading
t=threading.Thread(target=lambda: subprocess.run(["sh","-c","cat f; cat f; rev g"])); t.start(); t.join()
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime, open("h").read())`), setup: "echo h > h", edit: "echo other > h", want: part, why: "/p/h has another content"},
	{name: "50 pinned", run: "date; date +%N; echo $$; head -c8 /dev/urandom | od -An -tx1; sleep 3; date +%s.%N", want: hit},
	{name: "51 the host", run: "df . | tail -1; head -2 /proc/meminfo; nproc; uname -a; cat /proc/self/stat; id", want: hit},
	{name: "52 network in the box", run: python(`
import socket,threading
s=socket.create_server(("127.0.0.1",0)); p=s.getsockname()[1]
t=threading.Thread(target=lambda: s.accept()[0].sendall(b"hi")); t.start()
print(socket.create_connection(("127.0.0.1",p)).recv(9)); t.join()`), want: hit, whole: true},
	{name: "53 refused", run: "unshare -r true; mount -t tmpfs none /mnt; echo $?", want: hit},
	{name: "60 whiteouts", run: "rm -r d; mkdir d; echo n > d/n; ls d; rm f", want: hit},
	{name: "61 again and again", run: "echo foo", want: hit},
	{name: "62 writes twice", run: python(`
open("h","w").write("a")
open("h","a").write("b")
open("h","w").write("c")`) + "; cat h", want: hit},
	{name: "63 forks", run: "(echo a > x; (echo b > y; cat x)); cat y", want: hit},
	{name: "64 cannot start", run: "./nosuch; echo $?", edit: "printf '#!/bin/sh\\necho there\\n' > nosuch; chmod +x nosuch", want: miss, why: "/p/nosuch is there"},
	{name: "64 cannot start without its interpreter", setup: "printf '#!/nosuch\\n' > x; chmod +x x", run: "./x; echo $?", edit: "printf '#!/bin/sh\\necho there\\n' > x", want: miss, why: "/p/x has another content"},
	{name: "64 cannot start below", setup: "printf '#!/nosuch\\n' > x; chmod +x x", run: "sh -c './x; cat f'; cat g", edit: "printf '#!/bin/sh\\necho there\\n' > x", want: part, why: "/p/x has another content"},
	{name: "64 cannot start an interpreter", setup: "printf '#!/p/i\\n' > x; echo '#!/p/nosuch' > i; chmod +x x i", run: "./x; echo $?", edit: "cp /bin/cat i", want: miss, why: "/p/i has another content"},
}
