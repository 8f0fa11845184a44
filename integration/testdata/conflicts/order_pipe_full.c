// conflicts: none
// a pipe that was full: what it took after that comes after a read from it
#include "race.h"

static int p[2];

static void writer(void)
{
	static char b[65536 + 4096];
	CHECK(write(p[1], b, sizeof b) == sizeof b);
	over("data", "new");
}

int main(void)
{
	put("data", "old");
	CHECK(pipe(p) == 0);
	pid_t pid = child(writer);
	char b[4096];
	size_t n = 0;
	get("data");
	for (ssize_t m; n < 65536 + 4096 && (m = read(p[0], b, sizeof b)) > 0; n += m)
		;
	CHECK(n == 65536 + 4096);
	done(pid);
	puts(get("data"));
	return 0;
}
