// laplace: same
// The umask starts at 022 whatever the caller's is, and masks what it should.
#include "check.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static unsigned mode(const char *path)
{
	struct stat st;
	CHECK(lstat(path, &st) == 0);
	return st.st_mode & 07777;
}

int main(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[4096];
	CHECK(f != NULL);
	while (fgets(line, sizeof line, f))
		if (strncmp(line, "Umask:", 6) == 0)
			printf("%s", line);
	CHECK(fclose(f) == 0);
	printf("%03o\n", umask(0));
	static const unsigned masks[] = {0, 022, 077, 0777, 0111};
	for (int i = 0; i < 5; i++) {
		char name[16];
		umask(masks[i]);
		for (const char *k = "fdpmt"; *k; k++) {
			snprintf(name, sizeof name, "%c%d", *k, i);
			int fd = 0;
			switch (*k) {
			case 'f':
				fd = open(name, O_CREAT | O_WRONLY, 0777);
				CHECK(fd >= 0 && close(fd) == 0);
				break;
			case 'd':
				CHECK(mkdir(name, 0777) == 0);
				break;
			case 'p':
				CHECK(mkfifo(name, 0666) == 0);
				break;
			case 'm':
				CHECK(mknod(name, S_IFREG | 0666, 0) == 0);
				break;
			case 't': {
				char temp[16] = "tXXXXXX";
				fd = mkstemp(temp);
				CHECK(fd >= 0 && close(fd) == 0 && rename(temp, name) == 0);
			}
			}
			printf("%s %04o\n", name, mode(name));
			CHECK(chmod(name, 0755) == 0); /* so that whoever compares the results can read them */
		}
	}
	umask(027);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0)
		_exit(umask(0) != 027);
	int status;
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(umask(022) == 027);
	fflush(stdout);
	CHECK(umask(01777) == 022); /* only the permission bits count */
	CHECK(umask(022) == 0777);
	return 0;
}
