// laplace: same
// eventfd: a read waits for a write, a write for room, a signal ends both; what is not 8 bytes is refused.
#include "check.h"
#include "epoll.h"
#include <stdint.h>
#include <sys/syscall.h>

static int fd;

static void handler(int sig) { (void)sig; }

static void *reads(void *arg)
{
	eventfd_t v;
	usleep(40000);
	CHECK(eventfd_read(fd, &v) == 0 && v == 0xfffffffffffffffe);
	return arg;
}

int main(void)
{
	char b[16] = {0};
	eventfd_t v;
	pthread_t t;
	fd = eventfd(0xffffffff, 0);
	CHECK(read(fd, b, 16) == 8);
	CHECK(memcmp(b, "\xff\xff\xff\xff\0\0\0\0", 8) == 0);
	CHECK_ERR(read(fd, b, 7), EINVAL);
	CHECK_ERR(write(fd, b, 7), EINVAL);
	CHECK_ERR(syscall(SYS_write, fd, 8, 8), EFAULT);

	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		usleep(40000);
		CHECK(eventfd_write(fd, 7) == 0);
		_exit(0);
	}
	CHECK(eventfd_read(fd, &v) == 0);
	printf("%llu\n", (unsigned long long)v);
	CHECK(waitpid(pid, NULL, 0) == pid);

	CHECK(eventfd_write(fd, 0xfffffffffffffffe) == 0);
	CHECK(pthread_create(&t, NULL, reads, NULL) == 0);
	CHECK(eventfd_write(fd, 5) == 0); /* waits for the thread */
	CHECK(pthread_join(t, NULL) == 0);
	CHECK(eventfd_read(fd, &v) == 0 && v == 5);
	CHECK(eventfd_write(fd, 0) == 0);
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};
	CHECK(poll(&p, 1, 0) == 1 && p.revents == POLLOUT);

	/* A signal. */
	struct sigaction act = {.sa_handler = handler};
	CHECK(sigaction(SIGUSR1, &act, NULL) == 0);
	pid_t parent = getpid();
	for (int restart = 0; restart < 2; restart++) {
		act.sa_flags = restart ? SA_RESTART : 0;
		CHECK(sigaction(SIGUSR1, &act, NULL) == 0);
		if ((pid = fork()) == 0) {
			usleep(80000);
			kill(parent, SIGUSR1);
			usleep(80000);
			CHECK(eventfd_write(fd, 9) == 0);
			_exit(0);
		}
		if (!restart)
			CHECK_ERR(eventfd_read(fd, &v), EINTR);
		CHECK(eventfd_read(fd, &v) == 0 && v == 9);
		CHECK(waitpid(pid, NULL, 0) == pid);
	}

	/* Not waiting belongs to the description. */
	int other = dup(fd);
	CHECK(fcntl(other, F_SETFL, O_NONBLOCK) == 0);
	CHECK_ERR(eventfd_read(fd, &v), EAGAIN);
	return 0;
}
