// laplace: same stdin="first line\nsecond line\nno newline at the end"
// Standard input through a pipe: its type, its bytes, its end.
#include "check.h"
#include <sys/stat.h>

int main(void)
{
	struct stat st;
	char buf[256];
	CHECK(fstat(0, &st) == 0 && S_ISFIFO(st.st_mode));
	CHECK(isatty(0) == 0 && lseek(0, 0, SEEK_CUR) == -1);
	CHECK(read(0, buf, 6) == 6 && memcmp(buf, "first ", 6) == 0);
	CHECK(fgets(buf, sizeof buf, stdin) != NULL && strcmp(buf, "line\n") == 0);
	size_t n = fread(buf, 1, sizeof buf, stdin);
	CHECK(feof(stdin));
	printf("%.*s|\n", (int)n, buf);
	CHECK(read(0, buf, 1) == 0 && read(0, buf, 1) == 0);
	return 0;
}
