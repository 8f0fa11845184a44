printf 0123456789 > lower; printf abc > small; dd if=/dev/zero bs=4096 count=4 status=none | tr "\0" d > dense
