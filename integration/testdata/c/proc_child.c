// laplace: pinned refused=*
// What /proc tells of other processes: a blocked child sleeps, a dead one is a zombie, nobody is traced.
#include "check.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

static char buf[1 << 16];

static ssize_t slurp(pid_t pid, const char *what)
{
	char path[100];
	snprintf(path, sizeof path, "/proc/%d/%s", pid, what);
	int fd = open(path, O_RDONLY);
	if (fd < 0)
		return -1;
	ssize_t n = read(fd, buf, sizeof buf - 1);
	close(fd);
	if (n >= 0)
		buf[n] = 0;
	return n;
}

static char state(pid_t pid, const char *when)
{
	char c, d;
	int parent;
	CHECK(slurp(pid, "stat") > 0 && sscanf(strrchr(buf, ')') + 1, " %c %d", &c, &parent) == 2);
	CHECK(parent == getpid());
	CHECK(slurp(pid, "status") > 0 && strstr(buf, "\nTracerPid:\t0\n") != NULL);
	CHECK(sscanf(strstr(buf, "\nState:") + 7, " %c", &d) == 1);
	printf("%s %c\n", when, c);
	if (boxed())
		CHECK(c == d);
	return c;
}

int main(void)
{
	int to[2], from[2];
	char c;
	CHECK(pipe(to) == 0 && pipe(from) == 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		(void)!write(from[1], "r", 1);
		(void)!read(to[0], &c, 1);
		_exit(7);
	}
	CHECK(read(from[0], &c, 1) == 1);
	usleep(boxed() ? 1000000 : 20000);
	CHECK(state(pid, "blocked") == 'S');
	CHECK(slurp(pid, "cmdline") == 7 && strcmp(buf, "./prog") == 0);
	CHECK(slurp(pid, "wchan") >= 0);
	printf("wchan %s\n", buf);
	char kids[64];
	snprintf(kids, sizeof kids, "task/%d/children", getpid());
	if (slurp(getpid(), kids) >= 0)
		printf("children %s\n", buf);

	/* Stopped by a signal: T, not the t of a tracer. */
	int status;
	CHECK(kill(pid, SIGSTOP) == 0 && waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
	CHECK(state(pid, "stopped") == 'T');
	CHECK(kill(pid, SIGCONT) == 0 && waitpid(pid, &status, WCONTINUED) == pid && WIFCONTINUED(status));
	char now = state(pid, "continued");
	CHECK(now == 'S' || now == 'R');
	CHECK(write(to[1], "x", 1) == 1);
	siginfo_t info;
	CHECK(waitid(P_PID, pid, &info, WEXITED | WNOWAIT) == 0 && info.si_status == 7);
	CHECK(state(pid, "dead") == 'Z');
	CHECK(slurp(pid, "cmdline") == 0);
	CHECK(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 7);
	CHECK(slurp(pid, "stat") == -1);
	/* The first process belongs to the box: its secrets stay its own. */
	printf("init: environ %s, exe %s\n", slurp(1, "environ") < 0 ? errname(errno) : "readable",
	       readlink("/proc/1/exe", buf, sizeof buf) < 0 ? errname(errno) : "readable");
	if (boxed())
		CHECK(slurp(1, "environ") <= 0);
	CHECK(slurp(1, "comm") > 0);
	printf("init is %s", buf);
	return 0;
}
