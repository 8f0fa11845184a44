// laplace: pinned
// Loops that ask for children without waiting, several of them at once: how often each asks, and in which order it finds
// its children, is a race natively.
#include "check.h"
#include <sched.h>
#include <sys/wait.h>

static void work(int n)
{
	while (n-- > 0)
		getppid();
}

/* collect asks until it has found n children; how says what it does between. */
static void collect(const char *name, int n, int how)
{
	char line[200];
	int asked = 0, sum = 0, s, len = sprintf(line, "%s:", name);
	for (int found = 0; found < n;) {
		pid_t pid = how == 3 ? waitpid(0, &s, WNOHANG) : waitpid(-1, &s, WNOHANG);
		CHECK(pid >= 0);
		asked++;
		if (pid > 0) {
			CHECK(WIFEXITED(s));
			len += sprintf(line + len, " %d", WEXITSTATUS(s));
			sum += WEXITSTATUS(s);
			found++;
			continue;
		}
		if (how == 1)
			usleep(300);
		if (how == 2)
			sched_yield();
	}
	CHECK(sum == n * (n + 1) / 2);
	len += sprintf(line + len, "; asked %d times\n", asked);
	CHECK(write(1, line, len) == len); /* in one piece */
	CHECK_ERR(waitpid(-1, &s, WNOHANG), ECHILD);
}

static void start(int n, int calls, int sleeps)
{
	for (int i = 1; i <= n; i++) {
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			work(calls * (i * 3 % n));
			if (sleeps)
				usleep(sleeps * (n - i));
			_exit(i);
		}
	}
}

int main(void)
{
	setlinebuf(stdout);
	start(6, 40, 0);
	collect("without a pause", 6, 0);
	start(6, 0, 700);
	collect("with sleeps", 6, 1);
	start(6, 25, 0);
	collect("with sched_yield", 6, 2);
	start(6, 30, 200);
	collect("of the group", 6, 3);

	/* Four parents that do this side by side; each tells by one line. */
	int p[2], s;
	CHECK(pipe(p) == 0);
	for (int k = 0; k < 4; k++) {
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			close(p[0]);
			CHECK(dup2(p[1], 1) == 1);
			close(p[1]);
			char name[16];
			snprintf(name, sizeof name, "parent %d", k);
			start(5, 20 + 10 * k, 100 * k);
			collect(name, 5, k % 3);
			_exit(0);
		}
	}
	close(p[1]);
	FILE *in = fdopen(p[0], "r");
	char line[200];
	int lines = 0;
	while (fgets(line, sizeof line, in)) {
		CHECK(strncmp(line, "parent ", 7) == 0);
		fputs(line, stdout);
		lines++;
	}
	CHECK(lines == 4);
	for (int k = 0; k < 4; k++)
		CHECK(wait(&s) > 0 && s == 0);

	/* waitid with WNOWAIT and WNOHANG sees a child twice, then not at all. */
	siginfo_t info;
	start(1, 100, 0);
	int before = 0;
	do {
		info.si_pid = 0;
		CHECK(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT | WNOHANG) == 0);
		before++;
	} while (info.si_pid == 0);
	pid_t pid = info.si_pid;
	CHECK(waitid(P_ALL, 0, &info, WEXITED | WNOHANG) == 0 && info.si_pid == pid && info.si_status == 1);
	CHECK_ERR(waitid(P_ALL, 0, &info, WEXITED | WNOHANG), ECHILD);
	printf("seen when asked %d times\n", before);
	return 0;
}
