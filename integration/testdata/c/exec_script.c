// laplace: same
// Interpreter scripts: the argument of the first line, nesting and its limit, lines that are too long or malformed,
// interpreters that are missing or not executable.
#include "check.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void script(const char *name, const char *text, size_t n)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0755);
	CHECK(fd >= 0 && write(fd, text, n) == (ssize_t)n && close(fd) == 0);
}

static void run(const char *what, const char *path)
{
	printf("%s:\n", what);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		execl(path, "argv0", "one", "two", NULL);
		printf("  %s\n", errname(errno));
		exit(111);
	}
	int status;
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	if (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != 111)
		printf("  exited %d\n", WEXITSTATUS(status));
}

static void line(const char *what, const char *text)
{
	script("script", text, strlen(text));
	run(what, "./script");
}

int main(int argc, char **argv)
{
	setlinebuf(stdout);
	if (argc > 1) {
		for (int i = 0; i < argc; i++)
			if (strlen(argv[i]) < 50)
				printf("  [%s]\n", argv[i]);
			else
				printf("  [%.10s...%zu]\n", argv[i], strlen(argv[i]));
		return 0;
	}
	line("plain", "#!./prog\n");
	line("space before the interpreter", "#! \t ./prog\n");
	line("one argument", "#!./prog -x\n");
	line("all is one argument", "#!./prog  -x  -y z \t \n");
	line("no newline", "#!./prog -x");
	line("carriage return", "#!./prog -x\r\n");
	line("no interpreter", "#!\n");
	line("only spaces", "#!   \n");
	line("missing", "#!./missing\n");
	line("carriage return after the interpreter", "#!./prog\r\n");
	line("not executable", "#!./data\n");
	script("data", "x", 1);
	CHECK(chmod("data", 0644) == 0);
	line("not executable", "#!./data\n");
	line("directory", "#!/bin\n");
	line("real shell", "#!/bin/sh -e\necho \"  $0 $*\"\nfalse\nexit 5\n");
	line("env", "#!/usr/bin/env sh\necho \"  $0 $*\"\nexit 6\n");

	/* The kernel looks at 256 bytes. An argument is cut there, a cut interpreter is refused. */
	char text[600];
	memset(text, 'a', sizeof text);
	memcpy(text, "#!./prog ", 9);
	text[599] = '\n';
	script("script", text, sizeof text);
	run("argument too long", "./script");
	memset(text, '/', sizeof text);
	memcpy(text, "#!.", 3);
	memcpy(text + 594, "prog\n\n", 6);
	script("script", text, sizeof text);
	run("interpreter too long", "./script");
	memset(text, '/', sizeof text);
	memcpy(text, "#!.", 3);
	memcpy(text + 250, "prog\n", 5);
	script("script", text, 255);
	run("interpreter just fits", "./script");

	/* A script may be interpreted by a script, four times over. */
	for (int depth = 1; depth <= 7; depth++) {
		char name[16], interpreter[64];
		snprintf(name, sizeof name, "nested%d", depth);
		if (depth == 1)
			strcpy(interpreter, "#!./prog -1\n");
		else
			snprintf(interpreter, sizeof interpreter, "#!./nested%d -%d\n", depth - 1, depth);
		script(name, interpreter, strlen(interpreter));
		char what[32], path[32];
		snprintf(what, sizeof what, "nested %d deep", depth);
		snprintf(path, sizeof path, "./%s", name);
		run(what, path);
	}
	script("self", "#!./self\n", 9);
	run("interprets itself", "./self");
	return 0;
}
