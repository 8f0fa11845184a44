// laplace: same
// Connections that nobody has accepted: how many there can be, who waits, what becomes of them.
#include "check.h"
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

int main(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "sock"};
	int l = socket(AF_UNIX, SOCK_STREAM, 0), c[8], n = 0;
	char buf[64];
	CHECK(bind(l, (struct sockaddr *)&a, sizeof a) == 0 && listen(l, 2) == 0);
	for (;; n++) {
		c[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		if (connect(c[n], (struct sockaddr *)&a, sizeof a) != 0)
			break;
		buf[0] = '0' + n;
		CHECK(write(c[n], buf, 1) == 1);
	}
	printf("%d fit, then %s\n", n, errname(errno));
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		close(l);
		CHECK(fcntl(c[n], F_SETFL, 0) == 0 && connect(c[n], (struct sockaddr *)&a, sizeof a) == 0);
		CHECK(write(c[n], "w", 1) == 1 && read(c[n], buf, 1) == 0);
		_exit(0);
	}
	close(c[n]);
	for (int i = 0; i <= n; i++) {
		int d = accept(l, NULL, NULL);
		CHECK(d >= 0 && read(d, buf, 1) == 1);
		printf("%c\n", buf[0]);
		close(d);
	}
	int ws;
	CHECK(waitpid(pid, &ws, 0) == pid && ws == 0);

	int e = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(connect(e, (struct sockaddr *)&a, sizeof a) == 0 && write(e, "x", 1) == 1);
	close(l);
	CHECK_ERR(read(e, buf, 1), ECONNRESET);
	CHECK(read(e, buf, 1) == 0);
	CHECK_ERR(send(e, "x", 1, MSG_NOSIGNAL), EPIPE);
	unlink("sock");

	/* Those who come are served in the order in which they have come. */
	strcpy(a.sun_path, "other");
	l = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(bind(l, (struct sockaddr *)&a, sizeof a) == 0 && listen(l, 100) == 0);
	for (int i = 0; i < 5; i++)
		if (fork() == 0) {
			usleep(100000 * (5 - i));
			int s = socket(AF_UNIX, SOCK_STREAM, 0);
			CHECK(connect(s, (struct sockaddr *)&a, sizeof a) == 0);
			buf[0] = 'a' + i;
			CHECK(write(s, buf, 1) == 1);
			_exit(0);
		}
	for (int i = 0; i < 5; i++) {
		int d = accept(l, NULL, NULL);
		CHECK(d >= 0 && read(d, buf, 1) == 1);
		printf("%c\n", buf[0]);
		close(d);
	}
	while (wait(&ws) > 0)
		CHECK(ws == 0);
	unlink("other");
	return 0;
}
