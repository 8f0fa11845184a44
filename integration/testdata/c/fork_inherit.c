// laplace: same
// What a forked child inherits (mask, dispositions, umask, directory, limits) and what it does not (pending signals,
// record locks, CPU time, children).
#include "check.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/times.h>
#include <sys/wait.h>

static volatile sig_atomic_t caught;
static void catch(int sig) { caught = sig; }

int main(void)
{
	setlinebuf(stdout);
	sigset_t set, pending;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	CHECK(signal(SIGUSR1, catch) != SIG_ERR);
	CHECK(signal(SIGUSR2, SIG_IGN) != SIG_ERR);
	CHECK(kill(getpid(), SIGUSR1) == 0);
	umask(027);
	CHECK(mkdir("dir", 0777) == 0 && chdir("dir") == 0);
	struct rlimit files = {.rlim_cur = 60, .rlim_max = 61};
	CHECK(setrlimit(RLIMIT_NOFILE, &files) == 0);
	int fd = open("locked", O_RDWR | O_CREAT, 0666);
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	CHECK(fd >= 0 && fcntl(fd, F_SETLK, &lock) == 0);

	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		CHECK(sigpending(&pending) == 0);
		printf("child: SIGUSR1 pending %d, blocked ", sigismember(&pending, SIGUSR1));
		CHECK(sigprocmask(SIG_UNBLOCK, &set, &pending) == 0);
		printf("%d, caught %d\n", sigismember(&pending, SIGUSR1), caught);
		raise(SIGUSR1);
		CHECK(caught == SIGUSR1);
		CHECK(signal(SIGUSR2, SIG_DFL) == SIG_IGN);
		mode_t mask = umask(0);
		printf("child: handler ran, umask %03o\n", mask);
		CHECK(access("locked", F_OK) == 0);
		struct rlimit now;
		CHECK(getrlimit(RLIMIT_NOFILE, &now) == 0);
		printf("child: RLIMIT_NOFILE %ld %ld\n", (long)now.rlim_cur, (long)now.rlim_max);
		struct flock query = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
		CHECK(fcntl(fd, F_GETLK, &query) == 0);
		printf("child: lock is the parent's: %d\n", query.l_type == F_WRLCK && query.l_pid == getppid());
		CHECK_ERR(fcntl(fd, F_SETLK, &lock), EAGAIN);
		CHECK_ERR(wait(NULL), ECHILD);
		struct tms t;
		CHECK(times(&t) != (clock_t)-1);
		CHECK(t.tms_cutime == 0 && t.tms_cstime == 0);
		exit(0);
	}
	int status;
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(sigpending(&pending) == 0);
	printf("parent: SIGUSR1 pending %d, caught %d\n", sigismember(&pending, SIGUSR1), caught);
	CHECK(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0);
	printf("parent: caught %d\n", caught == SIGUSR1);
	return 0;
}
