printf x > lower; mkdir dir; ln -s lower sym
perl -e '($f, $n, $v) = ("lower", "user.old", "was here"); syscall(188, $f, $n, $v, 8, 0) == 0 or die "setxattr: $!"'
