// laplace: pinned
// Several readers of one pipe, with one writer and with several: who gets which bytes is a race natively. In a box it is
// one way. Nothing is lost, nothing read twice, and all of them find the end.
#include "check.h"
#include <sys/wait.h>

enum { READERS = 5, NUMBERS = 300 };

static void work(int n)
{
	while (n-- > 0)
		getppid();
}

/* round starts readers that take size bytes at once, and writers of records of 4 bytes; it prints who read what. */
static void round_of(const char *name, int writers, int size, int each)
{
	int p[2], back[2], s;
	CHECK(pipe(p) == 0 && pipe(back) == 0);
	for (int r = 0; r < READERS; r++) {
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			char buf[64];
			ssize_t n;
			close(p[1]);
			while ((n = read(p[0], buf, size)) > 0) {
				char line[100];
				int len = snprintf(line, sizeof line, "%c%.*s\n", 'A' + r, (int)n, buf);
				CHECK(write(back[1], line, len) == len);
				work(each * r);
			}
			CHECK(n == 0);
			_exit(r);
		}
	}
	close(back[1]);
	close(p[0]);
	for (int w = 0; w < writers; w++) {
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			close(back[0]);
			for (int i = w; i < NUMBERS; i += writers) {
				char rec[16];
				CHECK(write(p[1], rec, snprintf(rec, sizeof rec, "%03d,", i)) == 4);
				work(each * w + i % 3);
			}
			_exit(READERS + w);
		}
	}
	close(p[1]);
	FILE *in = fdopen(back[0], "r");
	char line[100], seen[NUMBERS] = {0};
	int count[READERS] = {0}, bytes = 0;
	printf("%s:", name);
	while (fgets(line, sizeof line, in)) {
		line[strlen(line) - 1] = 0;
		CHECK(line[0] >= 'A' && line[0] < 'A' + READERS);
		count[line[0] - 'A']++;
		bytes += strlen(line) - 1;
		printf(" %s", line);
		for (char *c = line + 1; size % 4 == 0 && *c; c += 4) {
			CHECK(c[3] == ',');
			CHECK(seen[atoi(c)]++ == 0);
		}
	}
	CHECK(bytes == NUMBERS * 4);
	printf("\n%s, reads:", name);
	for (int r = 0; r < READERS; r++)
		printf(" %d", count[r]);
	printf(", ended:");
	for (int i = 0; i < READERS + writers; i++) {
		CHECK(wait(&s) > 0 && WIFEXITED(s));
		printf(" %d", WEXITSTATUS(s));
	}
	printf("\n");
	fclose(in);
}

int main(void)
{
	setlinebuf(stdout);
	round_of("one writer", 1, 4, 3);
	round_of("three writers", 3, 4, 5);
	round_of("large reads", 2, 32, 2);
	round_of("parts of records", 1, 3, 1);
	return 0;
}
