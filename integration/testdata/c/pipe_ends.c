// laplace: same
// When a pipe ends: only when the last copy of the write end is closed, wherever that copy is: a dup, a child, a
// process that died, one that executed.
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

static int p[2], gate[2];

static int at_end(void)
{
	char c;
	struct pollfd f = {.fd = p[0], .events = POLLIN};
	CHECK(poll(&f, 1, 0) >= 0);
	return f.revents & POLLHUP ? read(p[0], &c, 1) == 0 : 0;
}

static void fresh(void) { CHECK(pipe(p) == 0 && pipe(gate) == 0); }

static void done(const char *what)
{
	printf("%s\n", what);
	close(p[0]);
	close(gate[0]);
	close(gate[1]);
}

static pid_t holder(int code)
{
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		char c;
		close(gate[1]);
		_exit(read(gate[0], &c, 1) < 0 ? 255 : code);
	}
	return pid;
}

int main(void)
{
	setlinebuf(stdout);
	int s;
	char c;

	fresh();
	int copy = dup(p[1]), third = fcntl(p[1], F_DUPFD, 50);
	CHECK(copy >= 0 && third == 50 && close(p[1]) == 0 && !at_end());
	CHECK(close(copy) == 0 && !at_end());
	CHECK(write(third, "t", 1) == 1 && close(third) == 0);
	CHECK(read(p[0], &c, 1) == 1 && c == 't' && at_end());
	CHECK(read(p[0], &c, 1) == 0 && read(p[0], &c, 1) == 0); /* as often as one likes */
	done("dup");

	fresh();
	int other = open("/dev/null", O_WRONLY);
	CHECK(other >= 0 && dup2(other, p[1]) == p[1] && at_end()); /* dup2 closes what it replaces */
	close(p[1]);
	close(other);
	done("dup2");

	fresh();
	pid_t pid = holder(3);
	close(p[1]);
	CHECK(!at_end());
	CHECK(write(gate[1], "x", 1) == 1);
	CHECK(read(p[0], &c, 1) == 0); /* blocks until the child is gone */
	CHECK(waitpid(pid, &s, 0) == pid && WEXITSTATUS(s) == 3);
	done("child exits");

	fresh();
	pid = holder(0);
	close(p[1]);
	CHECK(!at_end());
	CHECK(kill(pid, SIGKILL) == 0);
	CHECK(read(p[0], &c, 1) == 0);
	CHECK(waitpid(pid, &s, 0) == pid && WTERMSIG(s) == SIGKILL);
	done("child killed");

	/* A grandchild holds it longer than the child. */
	fresh();
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		holder(0);
		_exit(0);
	}
	close(p[1]);
	CHECK(waitpid(pid, &s, 0) == pid);
	CHECK(!at_end());
	close(gate[1]);
	CHECK(read(p[0], &c, 1) == 0);
	gate[1] = -1;
	done("grandchild");

	/* Close-on-exec. */
	fresh();
	CHECK(fcntl(p[1], F_SETFD, FD_CLOEXEC) == 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		dup2(gate[0], 0);
		close(gate[1]);
		execl("/bin/cat", "cat", NULL);
		_exit(127);
	}
	close(p[1]);
	CHECK(read(p[0], &c, 1) == 0);
	CHECK(waitpid(pid, &s, WNOHANG) == 0); /* cat runs, without the pipe */
	close(gate[1]);
	CHECK(waitpid(pid, &s, 0) == pid && s == 0);
	gate[1] = -1;
	done("exec");

	/* Two readers share what there is, and both see the end. */
	fresh();
	for (int i = 0; i < 2; i++) {
		pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			int n = 0;
			close(p[1]);
			while (read(p[0], &c, 1) == 1)
				n++;
			_exit(n);
		}
	}
	static char hundred[100];
	CHECK(write(p[1], hundred, 100) == 100);
	close(p[1]);
	int sum = 0;
	for (int i = 0; i < 2; i++) {
		CHECK(wait(&s) > 0);
		sum += WEXITSTATUS(s);
	}
	CHECK(sum == 100);
	done("two readers");
	return 0;
}
