// laplace: same
// A pseudo terminal of a process's own: both ends wait for each other.
#define _GNU_SOURCE
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>

int main(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY);
	CHECK(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
	char name[64];
	CHECK(ptsname_r(master, name, sizeof name) == 0);
	int slave = open(name, O_RDWR | O_NOCTTY);
	CHECK(slave >= 0);
	struct termios t;
	CHECK(tcgetattr(slave, &t) == 0);
	t.c_lflag &= ~ECHO;
	t.c_oflag &= ~OPOST;
	CHECK(tcsetattr(slave, TCSANOW, &t) == 0);
	char buf[64];
	pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		close(master);
		/* Without a controlling terminal, and with one. */
		for (int i = 0; i < 4; i++) {
			if (i == 2) {
				CHECK(setsid() > 0 && ioctl(slave, TIOCSCTTY, 0) == 0);
				int tty = open("/dev/tty", O_RDWR);
				CHECK(tty >= 0 && close(slave) == 0);
				slave = tty;
			}
			ssize_t n = read(slave, buf, sizeof buf - 1);
			CHECK(n > 0 && buf[n - 1] == '\n');
			buf[n - 1] = '!';
			CHECK(write(slave, buf, n) == n);
		}
		CHECK(read(slave, buf, sizeof buf) == 0);
		_exit(0);
	}
	close(slave);
	for (int i = 0; i < 4; i++) {
		struct pollfd p = {.fd = master, .events = POLLIN};
		CHECK(poll(&p, 1, 0) == 0);
		CHECK(write(master, "lin", 3) == 3 && write(master, "e\n", 2) == 2);
		if (i & 1)
			CHECK(poll(&p, 1, -1) == 1 && p.revents & POLLIN);
		ssize_t n = read(master, buf, sizeof buf);
		CHECK(n == 5);
		printf("%d %.*s\n", i, (int)n, buf);
	}
	CHECK(write(master, "\4", 1) == 1);
	int status;
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	CHECK_ERR(read(master, buf, sizeof buf), EIO);
	return 0;
}
