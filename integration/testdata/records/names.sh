#!/bin/sh
# What temporary names, renames, links and files that are made and removed again come to.
sh -c 'echo a >tmp'; cat tmp >/dev/null; mv tmp f2; sh -c 'echo bbb >tmp'
sh -c 'echo c >t3'; mv t3 f3
sh -c 'echo one >h1'; sh -c 'ln h1 h2; cat h1 h2 >/dev/null; rm h2'; sh -c 'echo other >h2'
sh -c 'echo x >temp; cat <temp >/dev/null; rm temp'
mkdir d1; echo q >d1/q; mv d1 d2; cat d2/q >/dev/null
ln -s f2 link; cat link >/dev/null; cat none 2>/dev/null
sh -c 'cd d2; echo r >r; mkdir s; mv s ../t'
chmod 600 f2; touch -d @0 f3; rmdir t
perl -e 'my ($f, $n, $v) = ("f2", "user.a", "value"); syscall(188, $f, $n, $v, 5, 0) == 0 || warn "no attribute: $!"; link "f2", "f4"; link "f2", "f5"'
