// laplace: same
// pidfd_send_signal: to a child, to oneself, with a value, to who has ended.
#include "check.h"
#include "epoll.h"
#include <sys/syscall.h>

static int opens(pid_t pid) { return syscall(SYS_pidfd_open, pid, 0); }
static int sends(int fd, int sig, siginfo_t *info, unsigned flags) { return syscall(SYS_pidfd_send_signal, fd, sig, info, flags); }

static volatile int caught, value, from;

static void handler(int sig, siginfo_t *info, void *context)
{
	(void)context;
	caught = sig;
	value = info->si_value.sival_int;
	from = info->si_pid;
}

int main(void)
{
	struct sigaction act = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
	CHECK(sigaction(SIGUSR1, &act, NULL) == 0);
	int self = opens(getpid());
	CHECK(self >= 0);
	CHECK(sends(self, 0, NULL, 0) == 0);
	CHECK(sends(self, SIGUSR1, NULL, 0) == 0 && caught == SIGUSR1 && from == getpid());
	siginfo_t info = {.si_signo = SIGUSR1, .si_code = SI_QUEUE};
	info.si_pid = 5;
	info.si_value.sival_int = 42;
	CHECK(sends(self, SIGUSR1, &info, 0) == 0 && value == 42 && from == 5);
	CHECK_ERR(sends(self, SIGUSR2, &info, 0), EINVAL);
	CHECK_ERR(sends(self, SIGUSR1, NULL, 1 << 20), EINVAL);
	CHECK_ERR(sends(self, 65, NULL, 0), EINVAL);
	CHECK_ERR(sends(1, SIGUSR1, NULL, 0), EBADF);
	CHECK_ERR(sends(99, SIGUSR1, NULL, 0), EBADF);

	int p[2];
	CHECK(pipe(p) == 0);
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		caught = 0;
		CHECK(write(p[1], "r", 1) == 1);
		while (!caught)
			pause();
		printf("a child caught %d: value %d\n", caught, value);
		fflush(stdout);
		pause();
		_exit(9);
	}
	char b;
	CHECK(read(p[0], &b, 1) == 1);
	int fd = opens(pid);
	info.si_value.sival_int = 7;
	info.si_pid = getpid();
	info.si_code = SI_USER;
	CHECK_ERR(sends(fd, SIGUSR1, &info, 0), EPERM);
	info.si_code = SI_QUEUE;
	usleep(4000);
	CHECK(sends(fd, SIGUSR1, &info, 0) == 0);
	usleep(40000);
	CHECK(sends(fd, SIGKILL, NULL, 0) == 0);
	struct pollfd pf = {.fd = fd, .events = POLLIN};
	CHECK(poll(&pf, 1, -1) == 1);
	CHECK(sends(fd, 0, NULL, 0) == 0); /* nobody has waited for it yet */
	int status;
	CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	CHECK_ERR(sends(fd, SIGUSR1, NULL, 0), ESRCH);
	return 0;
}
