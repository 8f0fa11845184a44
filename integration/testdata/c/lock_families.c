// laplace: pinned
// What a program draws does not depend on whether somebody takes a lock before it starts, however early it starts.
#include "check.h"
#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/wait.h>

int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1) {
		unsigned r;
		CHECK(getrandom(&r, sizeof r, 0) == sizeof r);
		printf("%u\n", r);
		return 0;
	}
	int lock = open("lock", O_RDWR | O_CREAT, 0644);
	CHECK(lock >= 0);
	for (int i = 0; i < 2; i++) {
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			for (int j = 0; j < 10; j++)
				close(open("/dev/null", O_RDONLY));
			execl("/proc/self/exe", "prog", "again", NULL);
			_exit(1);
		}
		for (volatile long j = 0; j < 100000000; j++)
			;
		CHECK(flock(lock, LOCK_EX) == 0);
		CHECK(waitpid(pid, NULL, 0) == pid);
	}
	return 0;
}
