#!/bin/sh
# laplace: pinned
# Archives that keep what they see: times, owners, order of directories; an incremental one keeps devices and inodes.
mkdir -p t/u/v
for i in z y x w; do echo $i >t/$i; done
tar czf a.tgz t; sha256sum a.tgz; tar tvzf a.tgz
tar -g snap -cf i0.tar t; echo more >>t/z; tar -g snap -cf i1.tar t; tar tf i1.tar
sha256sum snap i0.tar i1.tar
gzip -c t/z | od -An -tx1
ar rcU l.a t/x; sha256sum l.a
