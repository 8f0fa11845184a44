#!/bin/bash
# laplace: pinned
# The order in which directories are read, sizes of directories and inode numbers.
mkdir d; for i in q w e r t y u i o p; do : >d/$i; mkdir d/$i$i; done
find d
ls -U d | tr '\n' ' '; ls -fa d | tr '\n' ' '; echo
ls -id d d/q; ls -lsd d
stat -c '%n %i %s %b %h %d' d d/q
tar cf - d | md5sum
du -s d
