// laplace: same
// Ten processes in a ring, each adding its number to what goes round; then the ring is cut and all of them end.
#include "check.h"
#include <sys/wait.h>

enum { N = 10, ROUNDS = 100 };

int main(void)
{
	int p[N][2];
	for (int i = 0; i < N; i++)
		CHECK(pipe(p[i]) == 0);
	for (int i = 1; i < N; i++) {
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			for (int k = 0; k < N; k++) {
				if (k != i - 1)
					close(p[k][0]);
				if (k != i)
					close(p[k][1]);
			}
			long v, seen = 0;
			while (read(p[i - 1][0], &v, sizeof v) == sizeof v) {
				v += i;
				seen++;
				CHECK(write(p[i][1], &v, sizeof v) == sizeof v);
			}
			_exit(seen);
		}
	}
	for (int k = 0; k < N; k++) {
		if (k != N - 1)
			close(p[k][0]);
		if (k != 0)
			close(p[k][1]);
	}
	long v = 0;
	for (int r = 0; r < ROUNDS; r++) {
		CHECK(write(p[0][1], &v, sizeof v) == sizeof v);
		CHECK(read(p[N - 1][0], &v, sizeof v) == sizeof v);
	}
	printf("%ld\n", v);
	close(p[0][1]);
	CHECK(read(p[N - 1][0], &v, sizeof v) == 0);
	int s, sum = 0;
	for (int i = 1; i < N; i++) {
		CHECK(wait(&s) > 0);
		sum += WEXITSTATUS(s);
	}
	printf("%d\n", sum);
	return 0;
}
