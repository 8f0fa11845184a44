// laplace: same
// signalfd: what it says of signals of all sorts, one by one, in the order of their numbers.
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

static int fd;

/* next prints the next signal. */
static void next(const char *what)
{
	struct signalfd_siginfo s;
	CHECK(read(fd, &s, sizeof s) == sizeof s);
	printf("%s: %u code %d pid %d uid %d status %d int %d ptr %llx errno %d times %llu %llu\n", what, s.ssi_signo, s.ssi_code,
	       s.ssi_pid == 0 ? 0 : s.ssi_pid == (uint32_t)getpid() ? 1 : 2, s.ssi_uid == getuid(), s.ssi_status, s.ssi_int,
	       (unsigned long long)s.ssi_ptr, s.ssi_errno, (unsigned long long)s.ssi_utime / 1000, (unsigned long long)s.ssi_stime / 1000);
}

static pid_t child(int sig, int status)
{
	fflush(stdout);
	pid_t parent = getpid(), pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		if (sig)
			kill(parent, sig);
		_exit(status);
	}
	return pid;
}

int main(void)
{
	struct signalfd_siginfo s;
	sigset_t set, one;
	sigfillset(&set);
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGRTMIN + 1);
	CHECK_ERR(signalfd(-1, &set, 7), EINVAL);
	CHECK_ERR(signalfd(0, &set, 0), EINVAL);
	CHECK_ERR(signalfd(99, &set, 0), EBADF);
	CHECK((fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)) >= 0);
	CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC && fcntl(fd, F_GETFL) == (O_RDWR | O_NONBLOCK));
	CHECK_ERR(read(fd, &s, sizeof s), EAGAIN);
	CHECK_ERR(read(fd, &s, sizeof s - 1), EINVAL);
	CHECK_ERR(write(fd, &s, sizeof s), EINVAL);

	raise(SIGUSR2);
	kill(getpid(), SIGUSR1);
	kill(getpid(), SIGUSR1);
	next("kill");
	next("raise");
	CHECK_ERR(read(fd, &s, sizeof s), EAGAIN);
	for (int i = 1; i <= 3; i++)
		CHECK(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = i}) == 0);
	for (int i = 1; i <= 3; i++)
		next("queued");
	raise(SIGTERM); /* not of the set */
	CHECK_ERR(read(fd, &s, sizeof s), EAGAIN);
	sigemptyset(&one);
	sigaddset(&one, SIGTERM);
	sigaddset(&one, SIGKILL);
	CHECK(signalfd(fd, &one, 0) == fd);
	next("another set");
	CHECK(signalfd(fd, &set, 0) == fd);

	/* Of others. */
	CHECK(fcntl(fd, F_SETFL, 0) == 0);
	pid_t pid = child(SIGUSR1, 3);
	next("a child's");
	next("its end");
	int status;
	CHECK(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 3);
	pid = child(0, 0);
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};
	CHECK(poll(&p, 1, -1) == 1 && p.revents == POLLIN);
	next("polled");
	CHECK(waitpid(pid, &status, 0) == pid && poll(&p, 1, 0) == 0);
	return 0;
}
