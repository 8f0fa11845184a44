#!/bin/sh
# laplace: pinned
# gcc where it takes the time, random names or seeds: temporary files, __DATE__, link-time optimisation, coverage,
# precompiled headers.
set -e
cat >t.c <<'end'
#include <stdio.h>
static int helper(int x) { return x * 3; }
int main(void)
{
	printf("%s %s %d\n", __DATE__, __TIME__, helper(14));
	return 0;
}
end
unset SOURCE_DATE_EPOCH
gcc -v -o t t.c 2>log
grep -o '/tmp/cc[A-Za-z0-9]*\.[a-z]*' log | sort -u
./t
gcc -flto -O2 -c t.c; sha256sum t.o
gcc -flto -o t t.o; sha256sum t; ./t
gcc --coverage -c -o cov.o t.c; sha256sum cov.o cov.gcno
gcc -save-temps -g -o saved t.c; sha256sum saved saved-t.*
echo '#include <iostream>' >e.h
echo 'namespace { int hidden() { return 1; } } int main() { return hidden() - 1; }' >e.cc
g++ -include e.h -o e e.cc; ./e; sha256sum e
g++ -x c++-header -o e.h.gch e.h; sha256sum e.h.gch
gcc -time -c t.c
rm log e.h.gch
