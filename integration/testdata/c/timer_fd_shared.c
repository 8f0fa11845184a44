// laplace: same
// A timerfd is shared with a forked child, and kept over an exec: who reads first gets the expiration, one who waits is woken by what another sets.
#include "check.h"
#include <fcntl.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

static void set(int fd, long msec)
{
	struct itimerspec s = {.it_value = {msec / 1000, msec % 1000 * 1000000}};
	CHECK(timerfd_settime(fd, 0, &s, NULL) == 0);
}

int main(int argc, char **argv)
{
	uint64_t n;
	if (argc > 1) {
		int fd = atoi(argv[1]);
		struct itimerspec s;
		CHECK(timerfd_gettime(fd, &s) == 0 && s.it_interval.tv_sec == 0);
		CHECK(read(fd, &n, 8) == 8 && n == 1);
		CHECK_ERR(read(atoi(argv[2]), &n, 8), EBADF);
		puts("kept over an exec");
		return 0;
	}
	int fd = timerfd_create(CLOCK_MONOTONIC, 0), gone = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC), status;
	CHECK(fd >= 0 && gone >= 0);
	set(fd, 100000000);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		CHECK(read(fd, &n, 8) == 8 && n == 1);
		_exit(0);
	}
	usleep(50000);
	set(fd, 10);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
	CHECK_ERR(read(fd, &n, 8), EAGAIN);
	puts("a child has read it");
	CHECK(fcntl(fd, F_SETFL, 0) == 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		set(fd, 30);
		_exit(0);
	}
	CHECK(read(fd, &n, 8) == 8 && n == 1);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	puts("a child has set it");
	fflush(stdout);
	int other = dup(fd);
	close(fd);
	set(other, 30);
	char a[16], b[16];
	snprintf(a, sizeof a, "%d", other);
	snprintf(b, sizeof b, "%d", gone);
	execl("/proc/self/exe", argv[0], a, b, NULL);
	FAIL("exec");
}
