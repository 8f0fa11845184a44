#!/bin/sh
# laplace: same
# gcc: compile, assemble, link, archives, shared libraries, dependencies; the objects equal those of a native run.
set -e
cat >greet.h <<'end'
const char *greet(const char *who);
end
cat >hello.c <<'end'
#include <stdio.h>
#include "greet.h"
int main(void)
{
	printf("%s, %s\n", greet("world"), __FILE__);
	return 0;
}
end
cat >greet.c <<'end'
#include <stdio.h>
#include <string.h>
#include "greet.h"
static char buf[64];
const char *greet(const char *who)
{
	snprintf(buf, sizeof buf, "hello %s, %zu", who, strlen(who));
	return buf;
}
end
gcc -O2 -Wall -o hello hello.c greet.c; ./hello
gcc -c -g hello.c
gcc -c -O3 -MMD greet.c; cat greet.d
gcc -pipe -S -o greet.s greet.c
gcc -o linked hello.o greet.o; ./linked
ar rc libgreet.a greet.o; ranlib libgreet.a; ar t libgreet.a
gcc -o archived hello.c -L. -lgreet; ./archived
gcc -shared -fPIC -o libgreet.so greet.c
gcc -o dynamic hello.c ./libgreet.so -Wl,-rpath,.; ./dynamic
gcc -static -o static hello.c greet.c; ./static
gcc -E hello.c | grep -c printf; gcc -dumpmachine
strip -o stripped hello; ./stripped
nm hello.o; size greet.o | tail -n 1; objdump -d greet.o | grep -c call; readelf -h hello | grep Machine
printf 'int main() { return 0; }' | gcc -x c -o from-stdin -; ./from-stdin
echo 'int main(void) { return undeclared; }' >bad.c
gcc -o bad bad.c 2>/dev/null || echo "error: $?"
echo 'int f(void); int main(void) { return f(); }' >bad.c
gcc -o bad bad.c 2>/dev/null || echo "link error: $?"
