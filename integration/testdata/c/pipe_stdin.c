// laplace: same stdin="first line\nsecond line\nrest without newline"
// Standard input from a pipe: read in pieces, shared with children that each take one line, polled, and its end.
#include "check.h"
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

static void line(const char *who)
{
	char c;
	printf("%s: ", who);
	while (read(0, &c, 1) == 1 && c != '\n')
		putchar(c);
	putchar('\n');
}

int main(void)
{
	setlinebuf(stdout);
	struct pollfd p = {.fd = 0, .events = POLLIN};
	int s;
	CHECK(poll(&p, 1, -1) == 1 && p.revents & POLLIN);
	line("parent");
	for (int i = 0; i < 2; i++) {
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			line("child");
			exit(0);
		}
		CHECK(waitpid(pid, &s, 0) == pid && s == 0);
	}
	char c;
	int n;
	CHECK(read(0, &c, 1) == 0 && read(0, &c, 1) == 0);
	CHECK(ioctl(0, FIONREAD, &n) == 0 && n == 0);
	CHECK(poll(&p, 1, -1) == 1 && p.revents & POLLHUP);
	CHECK(!isatty(0) && !isatty(1) && !isatty(2));
	printf("end\n");
	return 0;
}
