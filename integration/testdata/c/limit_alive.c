// laplace: same args=64
// Sixty-four children alive at once: all blocked on one pipe, all sleeping, all passing a token.
#include "check.h"
#include <sys/wait.h>

int main(int argc, char **argv)
{
	setlinebuf(stdout);
	int n = atoi(argv[1]), s, gate[2], here[2];
	char c;
	CHECK(pipe(gate) == 0 && pipe(here) == 0);

	for (int i = 0; i < n; i++) {
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			close(gate[1]);
			CHECK(write(here[1], "h", 1) == 1);
			_exit(read(gate[0], &c, 1) == 0 ? 1 : 2);
		}
	}
	for (int i = 0; i < n; i++)
		CHECK(read(here[0], &c, 1) == 1);
	CHECK(waitpid(-1, &s, WNOHANG) == 0); /* all alive */
	close(gate[1]);
	int sum = 0;
	for (int i = 0; i < n; i++) {
		CHECK(wait(&s) > 0);
		sum += WEXITSTATUS(s);
	}
	printf("blocked: %d\n", sum);

	for (int i = 0; i < n; i++) {
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			usleep((i * 7919) % 20000);
			_exit(3);
		}
	}
	for (sum = 0; wait(&s) > 0; sum += WEXITSTATUS(s))
		;
	printf("sleeping: %d\n", sum);

	/* A token through all of them, each the child of the first, in order. */
	int first[2], in, p[2];
	CHECK(pipe(first) == 0);
	in = first[0];
	for (int i = 0; i < n; i++) {
		CHECK(pipe(p) == 0);
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			unsigned long v;
			close(first[1]);
			close(p[0]);
			while (read(in, &v, sizeof v) == sizeof v) {
				v = v * 3 + i;
				CHECK(write(p[1], &v, sizeof v) == sizeof v);
			}
			_exit(0);
		}
		close(in);
		close(p[1]);
		in = p[0];
	}
	unsigned long v;
	for (long round = 1; round <= 5; round++) {
		CHECK(write(first[1], &round, sizeof round) == sizeof round);
		CHECK(read(in, &v, sizeof v) == sizeof v);
		printf("token: %lu\n", v);
	}
	close(first[1]);
	CHECK(read(in, &v, sizeof v) == 0);
	for (int i = 0; i < n; i++)
		CHECK(wait(&s) > 0 && s == 0);
	return 0;
}
