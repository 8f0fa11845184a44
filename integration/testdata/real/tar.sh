#!/bin/sh
# laplace: same refused=ioctl
# tar and gzip: a reproducible archive equals the native one; extraction, links, sparse files, appending.
set -e
mkdir -p t/a t/b
for i in 1 2 3 4 5 6 7 8 9; do seq 1 ${i}00 >t/a/f$i; done
ln t/a/f1 t/b/hard
ln -s ../a/f2 t/b/soft
mkfifo t/pipe
truncate -s 1M t/sparse
printf x | dd of=t/sparse bs=1 seek=500000 conv=notrunc 2>/dev/null
chmod 600 t/a/f3
R='--sort=name --mtime=@1000000000 --owner=0 --group=0 --numeric-owner'
tar $R -cf r.tar t
gzip -n -k -9 r.tar
sha256sum r.tar r.tar.gz
tar tvf r.tar --full-time | head -n 4
tar $R --format=pax --pax-option=delete=atime,delete=ctime,exthdr.name=%d/x/%f -cf p.tar t/a
sha256sum p.tar
mkdir x
tar xzf r.tar.gz -C x
diff -r --no-dereference t/a x/t/a && echo equal
stat -c '%a %Y %h' x/t/a/f3 x/t/b/hard
readlink x/t/b/soft
[ -p x/t/pipe ] && echo fifo
tar xOf r.tar t/a/f1 | tail -n 1
tar --delete -f r.tar t/a/f9; tar tf r.tar | wc -l
tar rf p.tar $R t/b/soft; tar tf p.tar | tail -n 1
mkdir y
(cd t && tar $R -cf - .) | (cd y && tar xf -)
diff -r --no-dereference t/a y/a && echo piped
gzip -n <t/a/f9 | gzip -dc | cmp - t/a/f9
zcat r.tar.gz | tar tf - | wc -l
gzip -l r.tar.gz | awk 'NR == 2 { print $2 }'
tar $R -S -cf s.tar t/sparse; mkdir z; tar xf s.tar -C z; cmp t/sparse z/t/sparse && echo sparse
rm -r x y z r.tar r.tar.gz s.tar p.tar t/sparse
