// laplace: pinned
// Each process has randomness of its own: children, siblings, and two execs of one command.
#include "check.h"
#include <sys/random.h>
#include <sys/wait.h>

static uint64_t seen[64];
static int count;

static void add(uint64_t v, const char *what)
{
	for (int i = 0; i < count; i++)
		if (seen[i] == v)
			FAIL("%s has the same random number as number %d", what, i);
	seen[count++] = v;
	printf("%s %016lx\n", what, v);
}

static uint64_t number(void)
{
	uint64_t v;
	CHECK(getrandom(&v, sizeof v, 0) == sizeof v);
	return v;
}

int main(int argc, char **argv)
{
	if (argc > 1) { /* executed below: say one number */
		uint64_t v = number();
		return write(1, &v, sizeof v) != sizeof v;
	}
	add(number(), "self");
	for (int i = 0; i < 12; i++) {
		int p[2];
		uint64_t v;
		CHECK(pipe(p) == 0);
		fflush(stdout);
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			dup2(p[1], 1);
			if (i >= 6) /* exact duplicates of each other: same arguments, same directory */
				execl("./prog", "./prog", "number", NULL);
			v = number();
			_exit(write(1, &v, sizeof v) != sizeof v);
		}
		CHECK(close(p[1]) == 0);
		CHECK(read(p[0], &v, sizeof v) == sizeof v);
		CHECK(close(p[0]) == 0);
		int status;
		CHECK(waitpid(pid, &status, 0) == pid && status == 0);
		add(v, i < 6 ? "forked" : "executed");
	}
	add(number(), "self after");
	return 0;
}
