// laplace: pinned flags=-t
// With -t there is a terminal of 80 by 24, with the same settings and name on every run.
#include "check.h"
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>

int main(void)
{
	printf("stdin %d stdout %d stderr %d TERM %s\n", isatty(0), isatty(1), isatty(2), getenv("TERM") ? getenv("TERM") : "unset");
	if (!boxed())
		return 0;
	CHECK(isatty(1) && isatty(2));
	struct winsize w;
	CHECK(ioctl(1, TIOCGWINSZ, &w) == 0);
	printf("%d rows %d columns %d %d\n", w.ws_row, w.ws_col, w.ws_xpixel, w.ws_ypixel);
	CHECK(w.ws_row == 24 && w.ws_col == 80);
	struct termios t;
	CHECK(tcgetattr(1, &t) == 0);
	printf("iflag %o oflag %o cflag %o lflag %o speed %o %o\n", t.c_iflag, t.c_oflag, t.c_cflag, t.c_lflag, cfgetispeed(&t), cfgetospeed(&t));
	for (int i = 0; i < NCCS; i++)
		printf("%o ", t.c_cc[i]);
	printf("\n");
	char name[64];
	CHECK(ttyname_r(1, name, sizeof name) == 0);
	struct stat st;
	CHECK(stat(name, &st) == 0 && S_ISCHR(st.st_mode));
	printf("%s %o rdev %lx ino %lu uid %u\n", name, st.st_mode, st.st_rdev, st.st_ino, st.st_uid);
	int fd = open("/dev/tty", O_RDWR);
	CHECK(fd >= 0 && isatty(fd));
	printf("foreground %d session %d\n", tcgetpgrp(fd) == getpgrp(), tcgetsid(fd) == getsid(0));
	return 0;
}
