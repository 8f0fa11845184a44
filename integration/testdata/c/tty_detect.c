// laplace: same refused=ioctl
// Without -t nothing is a terminal, and everything that asks is told so.
#include "check.h"
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>

int main(void)
{
	int p[2], file = open("file", O_RDWR | O_CREAT, 0644), null = open("/dev/null", O_RDWR), zero = open("/dev/zero", O_RDONLY);
	CHECK(pipe(p) == 0);
	int all[] = {0, 1, 2, p[0], p[1], file, null, zero};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		struct termios t;
		struct winsize w;
		char name[64];
		pid_t g;
		CHECK(isatty(all[i]) == 0);
		CHECK_ERR(tcgetattr(all[i], &t), ENOTTY);
		CHECK_ERR(ioctl(all[i], TIOCGWINSZ, &w), ENOTTY);
		CHECK_ERR(ioctl(all[i], TIOCGPGRP, &g), ENOTTY);
		CHECK_ERR(tcgetpgrp(all[i]), ENOTTY);
		CHECK(ttyname_r(all[i], name, sizeof name) == ENOTTY);
		struct stat st;
		CHECK(fstat(all[i], &st) == 0);
		printf("%zu type %o\n", i, st.st_mode & S_IFMT);
	}
	CHECK(isatty(99) == 0);
	CHECK_ERR(tcgetattr(99, &(struct termios){0}), EBADF);
	char buf[L_ctermid];
	printf("%s\n", ctermid(buf));
	/* Output to a pipe is fully buffered, so this comes after what is written directly. */
	printf("later\n");
	CHECK(write(1, "sooner\n", 7) == 7);
	return 0;
}
