// laplace: pinned args="one two"
// The environment is built up from nothing.
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

static const char *get(const char *name)
{
	const char *v = getenv(name);
	if (v == NULL)
		FAIL("%s is not set", name);
	return v;
}

int main(int argc, char **argv)
{
	for (char **e = environ; *e; e++)
		printf("%s\n", *e);
	for (int i = 0; i < argc; i++)
		printf("%d %s\n", i, argv[i]);
	CHECK(argc == 3 && strcmp(argv[0], "./prog") == 0 && strcmp(argv[2], "two") == 0);
	CHECK(strcmp(get("TZ"), "UTC") == 0 && strcmp(get("LANG"), "C.UTF-8") == 0);
	CHECK(get("PATH")[0] == '/' && get("USER")[0]);
	CHECK(atol(get("SOURCE_DATE_EPOCH")) == 1577836800);
	/* HOME is an empty directory of the program's own. */
	DIR *d = opendir(get("HOME"));
	CHECK(d != NULL);
	int names = 0;
	while (readdir(d))
		names++;
	CHECK(names == 2 && closedir(d) == 0);
	char path[4200];
	snprintf(path, sizeof path, "%s/file", get("HOME"));
	int fd = open(path, O_CREAT | O_WRONLY, 0644);
	CHECK(fd >= 0 && close(fd) == 0 && unlink(path) == 0);
	if (boxed()) {
		static const char *const gone[] = {"NOISE", "LC_ALL", "TERM", "COLUMNS", "LINES", "MAKEFLAGS", "SHLVL", "OLDPWD",
						   "LOGNAME", "MALLOC_PERTURB_", "POSIXLY_CORRECT", "XDG_STATE_HOME",
						   "XDG_RUNTIME_DIR"};
		for (size_t i = 0; i < sizeof gone / sizeof *gone; i++)
			CHECK(getenv(gone[i]) == NULL);
	}
	return 0;
}
