truncate -s 2M lower; printf 'data' | dd of=lower bs=1 seek=1048576 conv=notrunc status=none
truncate -s 1M hole; dd if=/dev/zero of=dense bs=4096 count=3 status=none; printf x > small
