// laplace: same
// Waiting for a process group: waitpid(-pgid), waitpid(0), and children that change group meanwhile.
#include "check.h"
#include <sys/wait.h>

static pid_t child(pid_t group, int code, int *gate)
{
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		char c;
		if (group >= 0)
			CHECK(setpgid(0, group) == 0);
		_exit(!gate || read(gate[0], &c, 1) == 1 ? code : 255);
	}
	if (group >= 0)
		CHECK(setpgid(pid, group ? group : pid) == 0);
	return pid;
}

int main(void)
{
	setlinebuf(stdout);
	int gate[2], s;
	CHECK(pipe(gate) == 0);

	/* A leader that stays alive, two members that exit, and two children outside the group. */
	pid_t leader = child(0, 1, gate);
	pid_t in1 = child(leader, 2, NULL), out1 = child(-1, 3, NULL), in2 = child(leader, 4, NULL), out2 = child(-1, 5, NULL);
	pid_t seen[2];
	for (int i = 0; i < 2; i++) {
		seen[i] = waitpid(-leader, &s, 0);
		CHECK(seen[i] == (WEXITSTATUS(s) == 2 ? in1 : in2));
	}
	CHECK(seen[0] != seen[1]);
	printf("members: %d and %d reaped\n", seen[0] == in1 || seen[1] == in1, seen[0] == in2 || seen[1] == in2);
	CHECK(waitpid(-leader, &s, WNOHANG) == 0);
	CHECK(write(gate[1], "x", 1) == 1);
	CHECK(waitpid(-leader, &s, 0) == leader);
	printf("leader: exited %d\n", WEXITSTATUS(s));
	CHECK_ERR(waitpid(-leader, &s, 0), ECHILD);

	for (int i = 0; i < 2; i++) {
		seen[i] = waitpid(0, &s, 0);
		CHECK(seen[i] == (WEXITSTATUS(s) == 3 ? out1 : out2));
	}
	CHECK(seen[0] != seen[1]);
	printf("own group: both reaped\n");
	CHECK_ERR(waitpid(0, &s, 0), ECHILD);

	/* The group outlives its leader, and its pid is not given away meanwhile. */
	leader = child(0, 6, gate);
	in1 = child(leader, 7, gate);
	CHECK(write(gate[1], "x", 1) == 1);
	pid_t first = waitpid(-leader, &s, 0);
	CHECK(first == leader || first == in1);
	pid_t rest = first == leader ? in1 : leader;
	CHECK(getpgid(rest) == leader);
	CHECK(waitpid(-leader, &s, WNOHANG) == 0);
	CHECK(write(gate[1], "x", 1) == 1);
	CHECK(waitpid(-leader, &s, 0) == rest);
	CHECK_ERR(waitpid(-1, &s, 0), ECHILD);
	printf("group without its leader\n");
	return 0;
}
