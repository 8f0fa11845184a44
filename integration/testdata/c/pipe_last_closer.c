// laplace: pinned
// The end of a pipe, and EPIPE, when several processes hold the other end and let go of it in different ways at about the
// same time: by close, dup2 over it, exec with FD_CLOEXEC, exit, and by being killed. Who was last cannot be seen, how far the
// other side got can.
#include "check.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

static void work(int n)
{
	while (n-- > 0)
		getppid();
}

enum { CLOSE, DUP2, EXEC, EXIT, KILLED, WAYS };

/* let_go lets go of fd in one way, and ends the process. Others than KILLED and EXIT live on a little. */
static void let_go(int way, int fd)
{
	switch (way) {
	case CLOSE:
		close(fd);
		break;
	case DUP2: {
		int null = open("/dev/null", O_RDWR);
		CHECK(null >= 0 && dup2(null, fd) == fd);
		break;
	}
	case EXEC:
		CHECK(fcntl(fd, F_SETFD, FD_CLOEXEC) == 0);
		execl("/bin/sh", "sh", "-c", "sleep 0.02", NULL);
		_exit(127);
	case EXIT:
		_exit(0);
	case KILLED:
		raise(SIGKILL);
	}
	usleep(20000);
	_exit(0);
}

/* start makes n children that let go of p[end]; each writes its letter first if that is the write end. */
static void start(int p[2], int end, int n, int seed)
{
	for (int i = 0; i < n; i++) {
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid)
			continue;
		close(p[!end]);
		work((i * seed + seed) % 9 * 15);
		if (end == 1)
			CHECK(write(p[1], &(char){'a' + i}, 1) == 1);
		work((i * seed) % 5 * 10);
		let_go((i + seed) % WAYS, p[end]);
	}
	close(p[end]);
}

static void reap(int n)
{
	int s, killed = 0;
	for (int i = 0; i < n; i++) {
		CHECK(wait(&s) > 0);
		CHECK(WIFSIGNALED(s) ? WTERMSIG(s) == SIGKILL : s == 0);
		killed += WIFSIGNALED(s);
	}
	printf("; %d killed\n", killed);
}

int main(void)
{
	setlinebuf(stdout);
	int p[2], s;
	enum { N = 10 };
	signal(SIGPIPE, SIG_IGN);

	/* End of file: blocking, then asked for again and again. */
	for (int seed = 1; seed <= 4; seed++) {
		CHECK(pipe(p) == 0);
		start(p, 1, N, seed);
		char c;
		ssize_t n;
		int got = 0;
		printf("end %d: ", seed);
		while ((n = read(p[0], &c, 1)) > 0) {
			printf("%c", c);
			got++;
		}
		CHECK(n == 0 && got == N);
		close(p[0]);
		reap(N);
	}
	for (int seed = 1; seed <= 3; seed++) {
		CHECK(pipe2(p, O_NONBLOCK) == 0);
		start(p, 1, N, seed);
		char c;
		ssize_t n;
		int got = 0, again = 0;
		printf("asked %d: ", seed);
		while ((n = read(p[0], &c, 1)) != 0) {
			if (n < 0) {
				if (errno != EAGAIN)
					FAIL("want EAGAIN");
				again++;
				usleep(500);
				continue;
			}
			printf("%c", c);
			got++;
		}
		CHECK(got == N);
		printf(", %d times nothing", again);
		close(p[0]);
		reap(N);
	}

	/* EPIPE: the writer fills the pipe and waits; or writes single bytes until nobody can read them. */
	for (int seed = 1; seed <= 4; seed++) {
		CHECK(pipe(p) == 0);
		start(p, 0, N, seed);
		long wrote = 0;
		ssize_t n;
		static char big[10000];
		while ((n = write(p[1], big, seed % 2 ? sizeof big : 1)) > 0) {
			wrote += n;
			if (wrote > 60000 && seed % 2 == 0)
				usleep(1000);
		}
		if (n != -1 || errno != EPIPE)
			FAIL("want EPIPE");
		printf("EPIPE %d: after %ld", seed, wrote);
		close(p[1]);
		reap(N);
	}

	/* Several writers lose their readers: each finds out at its own next write. */
	for (int seed = 1; seed <= 3; seed++) {
		int back[2];
		CHECK(pipe(p) == 0 && pipe(back) == 0);
		for (int w = 0; w < 4; w++) {
			pid_t pid = fork();
			CHECK(pid >= 0);
			if (pid)
				continue;
			close(p[0]);
			int wrote = 0;
			char line[32];
			while (write(p[1], "x", 1) == 1) {
				wrote++;
				work(w * 5);
				usleep(200);
			}
			if (errno != EPIPE)
				FAIL("want EPIPE");
			int len = snprintf(line, sizeof line, " %c%d", 'a' + w, wrote);
			CHECK(write(back[1], line, len) == len);
			_exit(0);
		}
		close(back[1]);
		close(p[1]);
		for (int r = 0; r < 3; r++) {
			pid_t pid = fork();
			CHECK(pid >= 0);
			if (pid)
				continue;
			char c;
			close(back[0]);
			for (int k = 0; k < 5 * (r + 1) * seed; k++)
				CHECK(read(p[0], &c, 1) == 1);
			let_go((r + seed) % WAYS, p[0]);
		}
		close(p[0]);
		printf("writers %d:", seed);
		char buf[200];
		ssize_t n;
		while ((n = read(back[0], buf, sizeof buf)) > 0)
			printf("%.*s", (int)n, buf);
		close(back[0]);
		reap(7);
	}

	/* Bytes that are left when all have gone are gone with them; a FIFO's too. */
	CHECK(pipe(p) == 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		close(p[0]);
		CHECK(write(p[1], "never read", 10) == 10);
		_exit(0);
	}
	CHECK(waitpid(pid, &s, 0) == pid && s == 0);
	close(p[1]);
	char c;
	CHECK(read(p[0], &c, 1) == 1 && c == 'n');
	printf("read after all writers have gone\n");
	return 0;
}
