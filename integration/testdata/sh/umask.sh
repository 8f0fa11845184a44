#!/bin/bash
# laplace: same refused=ioctl
# umask: octal and symbolic, what it does to files, directories, FIFOs and redirections, inheritance, cp and mkdir -m.
umask; umask -S
mode() { stat -c '%a %n' "$@"; }
for m in 000 002 022 027 077 777; do
	(umask $m; : >f$m; mkdir d$m; mkfifo p$m; ln -s x s$m; mode f$m d$m p$m)
done
umask
(umask 027; sh -c umask; bash -c 'umask -S')
(umask u=rwx,g=,o=; umask; umask g+r; umask; umask a-x; umask -S)
(umask 077; mkdir -m 755 explicit; mkdir -p -m 700 p/q; cp prog copy; cp -p prog preserved; install -m 644 prog installed; mode explicit p p/q copy preserved installed)
(umask 022; mktemp -p . tmp.XXXXXX >/dev/null; mode tmp.* | sed 's/tmp.*/tmp/'; rm tmp.*)
(umask 0; : >open; chmod 640 open; echo x >>open; mode open)
umask 999 2>/dev/null; echo "invalid $?"
(umask 022; tar cf t.tar open && (umask 077; mkdir x && tar xf t.tar -C x && mode x/open); rm t.tar)
chmod 700 f777 d777
