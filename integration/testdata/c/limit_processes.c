// laplace: same args=2000
// Two thousand processes in a row: fork and wait, every tenth with an exec. Pids come round and are given again.
#include "check.h"
#include <sys/wait.h>

int main(int argc, char **argv)
{
	if (argc == 3)
		return atoi(argv[2]);
	int n = atoi(argv[1]);
	long sum = 0;
	for (int i = 0; i < n; i++) {
		pid_t pid = i % 10 ? fork() : vfork();
		CHECK(pid >= 0);
		if (pid == 0) {
			if (i % 10)
				_exit(i % 251);
			execl("./prog", "prog", "exit", "7", NULL);
			_exit(127);
		}
		int s;
		CHECK(waitpid(pid, &s, 0) == pid && WIFEXITED(s));
		CHECK(WEXITSTATUS(s) == (i % 10 ? i % 251 : 7));
		sum += WEXITSTATUS(s);
	}
	CHECK_ERR(wait(NULL), ECHILD);
	printf("%d processes, sum %ld\n", n, sum);
	return 0;
}
