// laplace: pinned
// In a box orphans go to pid 1, which reaps them at once: a hundred of them leave no zombie.
#include "check.h"
#include <signal.h>
#include <sys/wait.h>

int main(void)
{
	setlinebuf(stdout);
	int out[2], s;
	CHECK(pipe(out) == 0);
	for (int i = 0; i < 100; i++) {
		pid_t middle = fork();
		CHECK(middle >= 0);
		if (middle == 0) {
			pid_t orphan = fork();
			CHECK(orphan >= 0);
			if (orphan == 0) {
				pid_t self = getpid();
				CHECK(write(out[1], &self, sizeof self) == sizeof self);
				_exit(i);
			}
			_exit(0);
		}
		CHECK(waitpid(middle, &s, 0) == middle && s == 0);
	}
	close(out[1]);
	pid_t pid;
	int seen = 0, gone = 0;
	while (read(out[0], &pid, sizeof pid) == sizeof pid) {
		seen++;
		for (int tries = 0; tries < (boxed() ? 100 : 1); tries++) {
			if (kill(pid, 0) < 0) {
				gone++;
				break;
			}
			usleep(1000);
		}
	}
	CHECK(seen == 100);
	if (boxed())
		CHECK(gone == 100);
	printf("gone %d\n", gone);

	int go[2];
	CHECK(pipe(go) == 0 && pipe(out) == 0);
	pid_t middle = fork();
	CHECK(middle >= 0);
	if (middle == 0) {
		if (fork() == 0) {
			char c;
			CHECK(read(go[0], &c, 1) == 1);
			printf("pid %d parent %d\n", getpid(), getppid());
			exit(0);
		}
		_exit(0);
	}
	CHECK(waitpid(middle, &s, 0) == middle);
	close(out[1]);
	CHECK(write(go[1], "x", 1) == 1);
	char c;
	CHECK(read(out[0], &c, 1) == 0); /* until the orphan is gone */
	return 0;
}
