mkdir d1 d2; echo one > d1/f; echo two > d2/f; echo A > a; echo B > b; mkdir -p d1/sub/deep; echo s > d1/sub/deep/s
