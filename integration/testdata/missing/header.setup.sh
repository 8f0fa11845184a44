# A header that the rules of the objects need and do not name; who compiles before it is there does without.
cat > main.c <<'END'
#if __has_include("generated.h")
#include "generated.h"
#else
#define ANSWER -1
#endif
int main(void) { return ANSWER; }
END
cp main.c other.c
sed -i s/main/other/ other.c
cat > Makefile <<'END'
prog: main.o other.o generated.h
	$(CC) -o $@ main.o other.o
%.o: %.c
	$(CC) -c $<
generated.h:
	echo '#define ANSWER 42' > $@
END
