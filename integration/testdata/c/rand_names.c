// laplace: pinned
// Temporary names: distinct within a process and between siblings, the same from run to run.
#include "check.h"
#include <sys/stat.h>
#include <sys/wait.h>

static void names(int n, FILE *out)
{
	for (int i = 0; i < n; i++) {
		char file[] = "tmpXXXXXX", dir[] = "dirXXXXXX", named[] = "a.XXXXXX.txt";
		int fd = mkstemp(file), fd2 = mkstemps(named, 4);
		CHECK(fd >= 0 && fd2 >= 0 && mkdtemp(dir) != NULL);
		CHECK(dprintf(fd, "%d\n", i) > 0 && close(fd) == 0 && close(fd2) == 0);
		fprintf(out, "%s %s %s\n", file, dir, named);
	}
}

int main(void)
{
	names(10, stdout);
	fflush(stdout);
	for (int i = 0; i < 4; i++) {
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			char to[16];
			snprintf(to, sizeof to, "child%d", i);
			FILE *f = fopen(to, "w");
			if (!f)
				_exit(1);
			names(5, f);
			_exit(fclose(f) != 0);
		}
	}
	int status;
	for (int i = 0; i < 4; i++)
		CHECK(wait(&status) > 0 && status == 0);
	/* Siblings start from equal states and yet pick different first names. */
	char first[4][64];
	for (int i = 0; i < 4; i++) {
		char from[16];
		snprintf(from, sizeof from, "child%d", i);
		FILE *f = fopen(from, "r");
		CHECK(f && fgets(first[i], sizeof first[i], f) && fclose(f) == 0);
		printf("%d %s", i, first[i]);
		for (int j = 0; j < i; j++)
			CHECK(strcmp(first[i], first[j]) != 0);
	}
	FILE *f = tmpfile();
	CHECK(f && fputs("x", f) >= 0 && fclose(f) == 0);
	return 0;
}
