// laplace: pinned
// Two writers, one reader: the order in which their lines arrive is a race natively. In a box it is one order.
#include "check.h"
#include <sys/wait.h>

int main(void)
{
	setlinebuf(stdout);
	int p[2];
	CHECK(pipe(p) == 0);
	for (int w = 0; w < 2; w++) {
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			close(p[0]);
			for (int i = 0; i < 200; i++) {
				char line[8];
				int n = snprintf(line, sizeof line, "%c%d ", 'a' + w, i);
				CHECK(write(p[1], line, n) == n);
				for (int k = 0; k < (w ? i % 7 : i % 3); k++)
					getppid();
			}
			_exit(0);
		}
	}
	close(p[1]);
	char all[10000];
	size_t have = 0;
	ssize_t n;
	while ((n = read(p[0], all + have, sizeof all - 1 - have)) > 0)
		have += n;
	CHECK(n == 0);
	all[have] = 0;
	/* Whatever the order: each writer's own lines are in sequence. */
	int next[2] = {0, 0};
	for (char *t = strtok(strdup(all), " "); t; t = strtok(NULL, " ")) {
		CHECK(*t == 'a' || *t == 'b');
		CHECK(atoi(t + 1) == next[*t - 'a']++);
	}
	CHECK(next[0] == 200 && next[1] == 200);
	printf("%s\n", all);
	int s;
	CHECK(wait(&s) > 0 && s == 0 && wait(&s) > 0 && s == 0);
	return 0;
}
