// laplace: same
// A supervisor's loop: SIGCHLD in a signalfd, children that end one by one.
#include "check.h"
#include "epoll.h"
#include <sys/signalfd.h>

int main(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	int fd = signalfd(-1, &set, SFD_NONBLOCK), ep = epoll_create1(0), left = 5;
	CHECK(fd >= 0 && watch(ep, fd, EPOLLIN, 1) == 0);
	for (int i = 0; i < 5; i++) {
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			usleep(20000 * (5 - i));
			_exit(i);
		}
	}
	while (left > 0) {
		struct epoll_event ev;
		struct signalfd_siginfo s;
		CHECK(epoll_wait(ep, &ev, 1, -1) == 1);
		CHECK(read(fd, &s, sizeof s) == sizeof s && s.ssi_signo == SIGCHLD);
		int status;
		pid_t pid;
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
			printf("%d ended\n", WEXITSTATUS(status));
			left--;
		}
		CHECK(pid == 0 || (pid < 0 && left == 0));
	}
	return 0;
}
