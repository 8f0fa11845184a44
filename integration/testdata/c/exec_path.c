// laplace: same
// execvp: the search through PATH, what it reports when several entries fail, and its fall-back to /bin/sh.
#include "check.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void file(const char *name, mode_t mode, const char *text)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, mode);
	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && close(fd) == 0);
}

static void run(const char *path, const char *name)
{
	printf("PATH=%s %s: ", path, name);
	fflush(stdout);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		setenv("PATH", path, 1);
		execlp(name, name, "arg", NULL);
		printf("%s\n", errname(errno));
		exit(111);
	}
	int status;
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
}

int main(void)
{
	CHECK(mkdir("a", 0755) == 0 && mkdir("b", 0755) == 0 && mkdir("c", 0755) == 0);
	file("a/tool", 0755, "#!/bin/sh\necho a $1\n");
	file("b/tool", 0755, "#!/bin/sh\necho b $1\n");
	file("a/closed", 0644, "#!/bin/sh\necho closed\n");
	file("c/closed", 0755, "#!/bin/sh\necho c $1\n");
	file("a/plain", 0755, "echo plain $1\n");
	file("a/broken", 0755, "#!./missing\n");
	file("b/broken", 0755, "#!/bin/sh\necho b $1\n");
	file("here", 0755, "#!/bin/sh\necho here $1\n");

	run("a:b", "tool");
	run("b:a", "tool");
	run("none:b", "tool");
	run("prog:b", "tool");         /* ENOTDIR: goes on */
	run("a:b", "missing");
	run("a:b", "closed");          /* EACCES is remembered */
	run("a:b:c", "closed");
	run("a", "plain");             /* ENOEXEC: handed to /bin/sh */
	run("a:b", "broken");          /* ENOENT of the interpreter: goes on */
	run("a::b", "here");           /* an empty entry is the working directory */
	run("a:b", "./here");
	run("a:b", "a/tool");
	run("a:b", "");
	run("a:b", "a");
	return 0;
}
