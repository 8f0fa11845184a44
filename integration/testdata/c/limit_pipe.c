// laplace: same args=1024
// As many MiB through a pipe as the argument says (1,024: 1 GiB), in writes of 64 KiB, every block checked.
#include "check.h"
#include <sys/wait.h>

static unsigned long buf[65536 / sizeof(unsigned long)];

int main(int argc, char **argv)
{
	unsigned long blocks = strtoul(argv[1], NULL, 10) * 16;
	int p[2], s;
	CHECK(pipe(p) == 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		close(p[0]);
		for (unsigned long b = 0; b < blocks; b++) {
			for (int i = 0; i < 65536 / 8; i += 8)
				buf[i] = b * 8192 + i;
			CHECK(write(p[1], buf, sizeof buf) == sizeof buf);
		}
		_exit(0);
	}
	close(p[1]);
	for (unsigned long b = 0; b < blocks; b++) {
		for (size_t have = 0; have < sizeof buf;) {
			ssize_t n = read(p[0], (char *)buf + have, sizeof buf - have);
			CHECK(n > 0);
			have += n;
		}
		for (int i = 0; i < 65536 / 8; i += 8)
			if (buf[i] != b * 8192 + i)
				FAIL("block %lu word %d", b, i);
	}
	CHECK(read(p[0], buf, 1) == 0);
	CHECK(waitpid(pid, &s, 0) == pid && s == 0);
	printf("%lu MiB\n", blocks / 16);
	return 0;
}
