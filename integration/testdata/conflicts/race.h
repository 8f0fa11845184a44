/* What the programs of this directory do side by side. A child that races prints nothing: its output has an order. */
#ifndef RACE_H
#define RACE_H
#include "../c/check.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define MAYBE __attribute__((unused)) static

/* put makes a file, or replaces its content. */
MAYBE void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && close(fd) == 0);
}

/* over writes over the beginning of a file that is there. */
MAYBE void over(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && close(fd) == 0);
}

/* add appends to a file that is there. */
MAYBE void add(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_APPEND);
	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && close(fd) == 0);
}

/* get is the content of a file, "-" if it cannot be opened; it stays until the next call. */
MAYBE const char *get(const char *path)
{
	static char text[4096];
	int fd = open(path, O_RDONLY);
	if (fd < 0)
		return "-";
	ssize_t n = read(fd, text, sizeof text - 1);
	CHECK(n >= 0 && close(fd) == 0);
	text[n] = 0;
	return text;
}

/* list reads a directory. */
MAYBE int list(const char *path)
{
	int n = 0;
	DIR *d = opendir(path);
	CHECK(d != NULL);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* child starts a process that runs f. */
MAYBE pid_t child(void (*f)(void))
{
	fflush(stdout);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		f();
		fflush(stdout);
		_exit(0);
	}
	return pid;
}

/* done waits for a child, which must have succeeded. */
MAYBE void done(pid_t pid)
{
	int status;
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

/* both runs two functions side by side. */
MAYBE void both(void (*f)(void), void (*g)(void))
{
	pid_t a = child(f), b = child(g);
	done(a);
	done(b);
}

/* tell writes a byte to a pipe, hear waits for one. */
MAYBE void tell(int pipe[2]) { CHECK(write(pipe[1], "", 1) == 1); }
MAYBE void hear(int pipe[2])
{
	char c;
	CHECK(read(pipe[0], &c, 1) == 1);
}

#endif
