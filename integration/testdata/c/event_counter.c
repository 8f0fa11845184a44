// laplace: same
// eventfd: adds up, gives all or one at a time, waits or not, is polled, inherited, and has its limits.
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/wait.h>

static int fd, sem;

static void *adds(void *arg)
{
	for (int i = 1; i <= 5; i++) {
		CHECK(eventfd_write(sem, 1) == 0);
		usleep(1000);
	}
	CHECK(eventfd_write(fd, 40) == 0);
	return arg;
}

int main(void)
{
	eventfd_t v;
	pthread_t t;
	fd = eventfd(2, EFD_CLOEXEC);
	sem = eventfd(0, EFD_SEMAPHORE);
	CHECK(fd >= 0 && sem >= 0);
	CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC && fcntl(sem, F_GETFD) == 0);
	CHECK(eventfd_write(fd, 3) == 0);
	CHECK(eventfd_read(fd, &v) == 0 && v == 5);
	CHECK(pthread_create(&t, NULL, adds, NULL) == 0);
	for (int i = 0; i < 5; i++)
		CHECK(eventfd_read(sem, &v) == 0 && v == 1);
	CHECK(eventfd_read(fd, &v) == 0);
	printf("%llu\n", (unsigned long long)v);
	CHECK(pthread_join(t, NULL) == 0);

	CHECK(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
	CHECK_ERR(eventfd_read(fd, &v), EAGAIN);
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};
	CHECK(poll(&p, 1, 0) == 1 && p.revents == POLLOUT);
	CHECK(eventfd_write(fd, 0xfffffffffffffffe) == 0);
	CHECK(poll(&p, 1, -1) == 1 && p.revents == POLLIN);
	CHECK_ERR(eventfd_write(fd, 1), EAGAIN);
	uint64_t most = ~0ull;
	CHECK_ERR(write(fd, &most, 8), EINVAL);
	CHECK_ERR(write(fd, &most, 4), EINVAL);
	CHECK_ERR(read(fd, &most, 4), EINVAL);
	CHECK(eventfd_read(fd, &v) == 0 && v == 0xfffffffffffffffe);
	CHECK_ERR(eventfd(0, 1 << 20), EINVAL);

	fflush(stdout);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		CHECK(eventfd_write(fd, 7) == 0);
		_exit(0);
	}
	CHECK(waitpid(pid, NULL, 0) == pid);
	CHECK(eventfd_read(fd, &v) == 0);
	printf("from a child: %llu\n", (unsigned long long)v);
	return 0;
}
