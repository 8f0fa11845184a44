// laplace: same
// Limits of execve: 128 KiB a string, and a quarter of the stack limit for all of them.
#include "check.h"
#include <sys/resource.h>
#include <sys/wait.h>

enum { STRING = 131072 }; /* MAX_ARG_STRLEN, with the final 0 */

static char *string(size_t n)
{
	char *s = malloc(n + 1);
	CHECK(s != NULL);
	for (size_t i = 0; i < n; i++)
		s[i] = 'a' + i % 26;
	s[n] = 0;
	return s;
}

static void run(const char *what, char **argv, char **envp)
{
	printf("%s: ", what);
	fflush(stdout);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		execve("./prog", argv, envp);
		printf("%s\n", errname(errno));
		exit(0);
	}
	int status;
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		extern char **environ;
		unsigned long sum = 0, bytes = 0, env = 0;
		for (int i = 1; i < argc; i++)
			for (char *p = argv[i]; *p; p++, bytes++)
				sum = sum * 31 + *p;
		for (char **e = environ; *e; e++)
			env += strlen(*e);
		printf("%d strings, %lu bytes, hash %016lx, environment %lu bytes\n", argc - 1, bytes, sum, env);
		return 0;
	}
	struct rlimit lim;
	CHECK(getrlimit(RLIMIT_STACK, &lim) == 0);
	lim.rlim_cur = 8 << 20; /* so that 2 MiB of strings are allowed */
	CHECK(setrlimit(RLIMIT_STACK, &lim) == 0);

	char *none[] = {NULL}, *fits = string(STRING - 1), *too_long = string(STRING);
	run("longest argument", (char *[]){"p", fits, NULL}, none);
	run("argument too long", (char *[]){"p", too_long, NULL}, none);
	char *env = string(STRING - 1), *env_too_long = string(STRING);
	memcpy(env, "E=", 2);
	memcpy(env_too_long, "E=", 2);
	run("longest variable", (char *[]){"p", "x", NULL}, (char *[]){env, NULL});
	run("variable too long", (char *[]){"p", "x", NULL}, (char *[]){env_too_long, NULL});

	char *many[20] = {"p"};
	for (int i = 1; i <= 15; i++)
		many[i] = fits;
	run("1.9 MiB", many, none);
	for (int i = 16; i <= 18; i++)
		many[i] = fits;
	run("2.2 MiB", many, none);

	/* Pointers count too: 120,000 strings of one byte take 8 bytes each besides. */
	static char *short_ones[300001];
	short_ones[0] = "p";
	for (int i = 1; i <= 120000; i++)
		short_ones[i] = "s";
	run("120,000 strings", short_ones, none);
	for (int i = 120001; i < 300000; i++)
		short_ones[i] = "s";
	run("299,999 strings", short_ones, none);
	return 0;
}
