// laplace: pinned flags=-t
// The terminal of -t has no input: whoever reads lines is at its end, each time; whoever
// reads keys gets the one that ends input, once.
#include "check.h"
#include <poll.h>
#include <sys/select.h>
#include <termios.h>

int main(void)
{
	if (!boxed()) {
		printf("no terminal\n");
		return 0;
	}
	char buf[16];
	struct pollfd p = {.fd = 0, .events = POLLIN};
	for (int i = 0; i < 3; i++) {
		CHECK(read(0, buf, sizeof buf) == 0);
		CHECK(poll(&p, 1, -1) == 1 && p.revents == POLLIN);
		CHECK(read(0, buf, sizeof buf) == 0);
		fd_set set;
		FD_ZERO(&set);
		FD_SET(0, &set);
		CHECK(select(1, &set, NULL, NULL, NULL) == 1 && FD_ISSET(0, &set));
		CHECK(read(0, buf, sizeof buf) == 0);
	}
	/* Where no key ends input none is typed. */
	struct termios was, none;
	CHECK(tcgetattr(0, &was) == 0);
	none = was;
	none.c_cc[VEOF] = _POSIX_VDISABLE;
	CHECK(tcsetattr(0, TCSANOW, &none) == 0);
	CHECK(poll(&p, 1, 10) == 0);
	none.c_lflag &= ~ICANON;
	none.c_cc[VMIN] = none.c_cc[VTIME] = 0;
	CHECK(tcsetattr(0, TCSANOW, &none) == 0);
	CHECK(read(0, buf, sizeof buf) == 0);
	CHECK(tcsetattr(0, TCSANOW, &was) == 0);
	CHECK(read(0, buf, sizeof buf) == 0);
	/* Writing never waits for the reader. */
	p.events = POLLIN | POLLOUT;
	p.fd = 1;
	for (int i = 0; i < 2000; i++)
		printf("a line of the many\n");
	fflush(stdout);
	CHECK(poll(&p, 1, 0) == 1 && p.revents & POLLOUT);
	CHECK(read(0, buf, sizeof buf) == 0);

	struct termios t;
	CHECK(tcgetattr(0, &t) == 0);
	t.c_lflag &= ~(ICANON | ECHO);
	t.c_cc[VMIN] = 1;
	CHECK(tcsetattr(0, TCSANOW, &t) == 0);
	CHECK(read(0, buf, sizeof buf) == 1 && buf[0] == t.c_cc[VEOF]);
	p.events = POLLIN;
	p.fd = 0;
	CHECK(poll(&p, 1, 0) == 0);
	CHECK(poll(&p, 1, 5000) == 0);
	t.c_cc[VMIN] = 0;
	CHECK(tcsetattr(0, TCSANOW, &t) == 0);
	CHECK(read(0, buf, sizeof buf) == 0);
	printf("%s\n", ttyname(0));
	return 0;
}
