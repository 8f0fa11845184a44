// laplace: same
// One reader and writers that come one after another: between them the reader sees the end and opens again. Then
// many writers at once, and a pair of FIFOs as a question-and-answer service.
#include "check.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

int main(void)
{
	setlinebuf(stdout);
	int s;
	char buf[256];
	CHECK(mkfifo("in", 0600) == 0 && mkfifo("out", 0600) == 0);

	for (int i = 0; i < 5; i++) {
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			int fd = open("in", O_WRONLY);
			CHECK(fd >= 0 && dprintf(fd, "writer %d\n", i) == 9);
			_exit(0);
		}
		int fd = open("in", O_RDONLY);
		CHECK(fd >= 0);
		ssize_t n = read(fd, buf, sizeof buf);
		CHECK(n == 9);
		printf("%.*s", (int)n, buf);
		CHECK(read(fd, buf, 1) == 0);
		close(fd);
		CHECK(waitpid(pid, &s, 0) == pid && s == 0);
	}

	/* Twenty at once, each opens, writes its letter and leaves; the reader counts. O_RDWR keeps the FIFO open. */
	int rw = open("in", O_RDWR);
	CHECK(rw >= 0);
	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			char c = 'a' + i;
			int fd = open("in", O_WRONLY);
			CHECK(fd >= 0 && write(fd, &c, 1) == 1);
			_exit(0);
		}
	}
	int seen = 0;
	for (int i = 0; i < 20; i++) {
		char c;
		CHECK(read(rw, &c, 1) == 1 && c >= 'a' && c < 'a' + 20);
		seen |= 1 << (c - 'a');
	}
	CHECK(seen == (1 << 20) - 1);
	for (int i = 0; i < 20; i++)
		CHECK(wait(&s) > 0 && s == 0);
	close(rw);
	printf("twenty\n");

	/* The service answers until it is told to stop. */
	pid_t server = fork();
	CHECK(server >= 0);
	if (server == 0) {
		for (int served = 0;; served++) {
			int n, in = open("in", O_RDONLY);
			CHECK(in >= 0 && read(in, &n, sizeof n) == sizeof n);
			close(in);
			if (n < 0)
				_exit(served);
			n *= n;
			int out = open("out", O_WRONLY);
			CHECK(out >= 0 && write(out, &n, sizeof n) == sizeof n);
			close(out);
		}
	}
	for (int i = 0; i < 10; i++) {
		int n = i < 9 ? i : -1, answer;
		int in = open("in", O_WRONLY);
		CHECK(in >= 0 && write(in, &n, sizeof n) == sizeof n && close(in) == 0);
		if (n < 0)
			break;
		int out = open("out", O_RDONLY);
		CHECK(out >= 0 && read(out, &answer, sizeof answer) == sizeof answer);
		CHECK(read(out, &answer, sizeof answer) == 0);
		close(out);
		printf("%d ", answer);
	}
	CHECK(waitpid(server, &s, 0) == server);
	printf("\nserved %d\n", WEXITSTATUS(s));
	return 0;
}
