dd if=/dev/zero bs=4096 count=3 status=none | tr "\0" x > lower; cp lower lower2; printf short > short
