#!/bin/sh
# laplace: same
# The compiled modules of the host's Python are used, whatever date their sources are shown with.
/usr/bin/python3 -B -v -c 'import json, email, http.client' 2>&1 | grep -c "code object from.*lib/python3.*py'"
/usr/bin/python3 - <<'PY'
import json, os, struct

path = json.__cached__
whole = open(path, "rb").read()
fd = os.open(path, os.O_RDONLY)
pieces = b"".join(iter(lambda: os.read(fd, 3), b""))
os.lseek(fd, 9, os.SEEK_SET)
bufs = [bytearray(1), bytearray(4), bytearray(100)]
n = os.readv(fd, bufs)
middle = b"".join(bufs)[:n]
positioned = [os.pread(fd, 2, at) for at in range(0, 16, 2)]
assert whole == pieces and whole[9 : 9 + n] == middle and whole[:16] == b"".join(positioned)
source = os.stat(json.__file__)
print(struct.unpack("<II", whole[8:16]) == (int(source.st_mtime), source.st_size))
PY
exit 0
