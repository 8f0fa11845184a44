// conflicts: content tool
// one runs a program to which another writes: one of them may find it busy
#include "race.h"

static void one(void)
{
	int fd = open("tool", O_WRONLY);
	CHECK(fd < 0 || write(fd, "\177", 1) == 1);
}
static void other(void) { execl("./tool", "./tool", "quickly", NULL); }

int main(int argc, char **argv)
{
	if (argc > 1)
		return 0;
	char b[65536];
	int from = open("/proc/self/exe", O_RDONLY), to = open("tool", O_WRONLY | O_CREAT, 0755);
	for (ssize_t n; (n = read(from, b, sizeof b)) > 0;)
		CHECK(write(to, b, n) == n);
	CHECK(close(to) == 0);
	both(one, other);
	return 0;
}
