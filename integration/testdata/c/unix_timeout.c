// laplace: same
// SO_RCVTIMEO and SO_SNDTIMEO, and signals that end a wait.
#include "check.h"
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

static int signals;
static void handler(int sig) { signals += sig != 0; }

static double now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void later(int sig)
{
	pid_t parent = getpid();
	if (fork() == 0) {
		usleep(50000);
		kill(parent, sig);
		_exit(0);
	}
}

int main(void)
{
	int s[2];
	static char buf[65536];
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	struct timeval tv = {0, 50000};
	CHECK(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv) == 0);
	CHECK(setsockopt(s[0], SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv) == 0);
	double t = now();
	CHECK_ERR(read(s[0], buf, 1), EAGAIN);
	CHECK(now() - t >= 0.045 && now() - t < 10);
	long n, sent = 0;
	while ((n = write(s[0], buf, sizeof buf)) > 0)
		sent += n;
	int why = errno;
	CHECK(why == EAGAIN && sent > 100000);
	CHECK(write(s[1], "abc", 3) == 3);
	t = now();
	CHECK(recv(s[0], buf, 10, MSG_WAITALL) == 3);
	CHECK(now() - t >= 0.045);

	struct sigaction act = {.sa_handler = handler};
	CHECK(sigaction(SIGUSR1, &act, NULL) == 0);
	act.sa_flags = SA_RESTART;
	CHECK(sigaction(SIGUSR2, &act, NULL) == 0);
	later(SIGUSR1);
	while (recv(s[1], buf, sizeof buf, MSG_DONTWAIT) > 0)
		;
	CHECK_ERR(recv(s[1], buf, 1, MSG_WAITALL), EINTR);
	CHECK(signals == 1);
	int p[2];
	CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, p) == 0);
	pid_t parent = getpid();
	if (fork() == 0) {
		usleep(50000);
		kill(parent, SIGUSR2);
		usleep(50000);
		CHECK(write(p[0], "x", 1) == 1);
		_exit(0);
	}
	CHECK(read(p[1], buf, 1) == 1);
	CHECK(signals == 2);
	tv.tv_sec = 100;
	CHECK(setsockopt(p[1], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv) == 0);
	later(SIGUSR2);
	CHECK_ERR(read(p[1], buf, 1), EINTR);

	struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "sock"};
	int l = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(bind(l, (struct sockaddr *)&a, sizeof a) == 0 && listen(l, 0) == 0);
	tv.tv_sec = 0;
	CHECK(setsockopt(l, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv) == 0);
	CHECK_ERR(accept(l, NULL, NULL), EAGAIN);
	later(SIGUSR1);
	tv.tv_usec = 0;
	CHECK(setsockopt(l, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv) == 0);
	CHECK_ERR(accept(l, NULL, NULL), EINTR);
	unlink("sock");
	while (wait(NULL) > 0)
		;
	return 0;
}
