// laplace: same
// What epoll's calls refuse, and in which order they look.
#include "check.h"
#include "epoll.h"
#include <sys/syscall.h>

int main(void)
{
	int ep = epoll_create1(0), p[2], file = open("file", O_RDWR | O_CREAT, 0644), dir = open(".", O_RDONLY);
	int null = open("/dev/null", O_RDWR), random = open("/dev/random", O_RDONLY), path = open("file", O_PATH);
	struct epoll_event ev = {.events = EPOLLIN}, *bad = (void *)8;
	CHECK(pipe(p) == 0);
	CHECK_ERR(epoll_create(0), EINVAL);
	CHECK_ERR(epoll_create(-1), EINVAL);
	CHECK_ERR(epoll_create1(1), EINVAL);
	CHECK_ERR(epoll_ctl(99, EPOLL_CTL_ADD, 98, bad), EFAULT);
	CHECK_ERR(epoll_ctl(99, EPOLL_CTL_ADD, p[0], &ev), EBADF);
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_ADD, 99, &ev), EBADF);
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_ADD, -1, &ev), EBADF);
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_ADD, path, &ev), EBADF);
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_ADD, file, &ev), EPERM);
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_ADD, dir, &ev), EPERM);
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_ADD, null, &ev), EPERM);
	CHECK_ERR(epoll_ctl(file, EPOLL_CTL_ADD, file, &ev), EPERM);
	CHECK_ERR(epoll_ctl(p[0], EPOLL_CTL_ADD, p[1], &ev), EINVAL);
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_ADD, ep, &ev), EINVAL);
	CHECK_ERR(epoll_ctl(ep, 7, p[0], &ev), EINVAL);
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &ev), ENOENT);
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_DEL, p[0], bad), ENOENT);
	CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, random, &ev) == 0 && epoll_ctl(ep, EPOLL_CTL_DEL, random, NULL) == 0);

	ev.events = EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT;
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev), EINVAL);
	ev.events = EPOLLIN | EPOLLEXCLUSIVE;
	CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev) == 0);
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev), EEXIST);
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &ev), EINVAL);
	ev.events = EPOLLIN;
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &ev), EINVAL);

	CHECK_ERR(epoll_wait(ep, &ev, 0, 0), EINVAL);
	CHECK_ERR(syscall(SYS_epoll_wait, ep, &ev, -1, 0), EINVAL);
	CHECK_ERR(epoll_wait(99, &ev, 1, 0), EBADF);
	CHECK_ERR(epoll_wait(p[0], &ev, 1, 0), EINVAL);
	CHECK(write(p[1], "a", 1) == 1);
	CHECK_ERR(syscall(SYS_epoll_wait, ep, 8, 1, 0), EFAULT);
	CHECK(epoll_wait(ep, &ev, 1, 0) == 1);

	struct timespec t = {.tv_nsec = 1000000000};
	sigset_t none;
	sigemptyset(&none);
	CHECK_ERR(syscall(SYS_epoll_pwait2, ep, &ev, 1, &t, NULL, 0), EINVAL);
	t = (struct timespec){.tv_sec = -1};
	CHECK_ERR(syscall(SYS_epoll_pwait2, ep, &ev, 1, &t, NULL, 0), EINVAL);
	CHECK_ERR(syscall(SYS_epoll_pwait2, ep, &ev, 1, bad, NULL, 0), EFAULT);
	CHECK_ERR(syscall(SYS_epoll_pwait, ep, &ev, 1, 0, &none, 4), EINVAL);
	CHECK_ERR(syscall(SYS_epoll_pwait, ep, &ev, 1, 0, bad, 8), EFAULT);
	CHECK(syscall(SYS_epoll_pwait, ep, &ev, 1, 0, &none, 8) == 1);
	return 0;
}
