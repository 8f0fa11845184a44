// laplace: same
// execve hands over argv and envp unchanged: empty strings, no strings, odd bytes, any argv[0].
#include "check.h"
#include <sys/wait.h>

extern char **environ;

static void show(int argc, char **argv)
{
	printf("argc %d\n", argc);
	for (int i = 0; i <= argc; i++) {
		printf("  argv[%d] ", i);
		if (!argv[i]) {
			printf("NULL\n");
			continue;
		}
		for (char *p = argv[i]; *p; p++)
			printf(*p > 32 && *p < 127 ? "%c" : "\\x%02x", (unsigned char)*p);
		printf(".\n");
	}
	for (char **e = environ; *e; e++)
		printf("  env %s\n", *e);
}

static void run(char **argv, char **envp)
{
	fflush(stdout);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		execve("./prog", argv, envp);
		FAIL("execve");
	}
	int status;
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

int main(int argc, char **argv)
{
	if (argc != 1 || !strcmp(argv[0], "") || !strcmp(argv[0], "show")) {
		show(argc, argv);
		return 0;
	}
	char *none[] = {NULL};
	char *env[] = {"A=1", "B=", "=odd", "noequals", "A=2", NULL};

	run((char *[]){"show", "one", "two words", "", "*", "-x", NULL}, none);
	run((char *[]){"show", NULL}, env);
	run((char *[]){"", "after an empty name", NULL}, none);
	run((char *[]){"show", "\x01\x7f\x80\xff\n\t\"'\\$`", NULL}, (char *[]){"BYTES=\xc3\xa9", NULL});
	/* Linux makes an empty argv one empty string, and takes NULL for an empty list. */
	run(none, env);
	run((char *[]){"show", "no environment", NULL}, NULL);
	return 0;
}
