// laplace: same
// Writes of up to PIPE_BUF bytes from many processes do not mix, and none is lost.
#include "check.h"
#include <limits.h>
#include <sys/wait.h>

enum { WRITERS = 8, RECORDS = 50 };

int main(void)
{
	setlinebuf(stdout);
	int sizes[] = {1, 100, 1024, PIPE_BUF};
	for (int k = 0; k < 4; k++) {
		int p[2], size = sizes[k];
		CHECK(pipe(p) == 0);
		for (int w = 0; w < WRITERS; w++) {
			pid_t pid = fork();
			CHECK(pid >= 0);
			if (pid == 0) {
				char record[PIPE_BUF];
				memset(record, 'a' + w, size);
				for (int i = 0; i < RECORDS; i++)
					CHECK(write(p[1], record, size) == size);
				_exit(0);
			}
		}
		close(p[1]);
		int count[WRITERS] = {0}, s;
		char record[PIPE_BUF];
		for (;;) {
			int have = 0;
			ssize_t n = 1;
			while (have < size && (n = read(p[0], record + have, size - have)) > 0)
				have += n;
			CHECK(n >= 0);
			if (have == 0)
				break;
			CHECK(have == size);
			for (int i = 1; i < size; i++)
				CHECK(record[i] == record[0]);
			CHECK(record[0] >= 'a' && record[0] < 'a' + WRITERS);
			count[record[0] - 'a']++;
		}
		close(p[0]);
		printf("%d bytes:", size);
		for (int w = 0; w < WRITERS; w++) {
			CHECK(wait(&s) > 0 && s == 0);
			printf(" %d", count[w]);
		}
		printf("\n");
	}
	return 0;
}
