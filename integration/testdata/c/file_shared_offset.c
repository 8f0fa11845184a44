// laplace: pinned
// One open file description in several processes: reads, writes and seeks that share an offset. Nothing else touches the
// files. Who is where is a race natively, and one order in a box; nothing is read twice or overwritten by who only writes on.
#include "check.h"
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <sys/wait.h>

static void work(int n)
{
	while (n-- > 0)
		getppid();
}

static void reap(int n)
{
	int s;
	for (int i = 0; i < n; i++)
		CHECK(wait(&s) > 0 && s == 0);
}

static char all[20000];

int main(void)
{
	setlinebuf(stdout);
	int fd = open("written", O_RDWR | O_CREAT | O_TRUNC, 0644);
	CHECK(fd >= 0);

	/* Written by six, in records, by write and writev. */
	for (int w = 0; w < 6; w++) {
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid)
			continue;
		for (int k = 0; k < 20; k++) {
			char rec[8];
			sprintf(rec, "%c%02d\n", 'a' + w, k);
			struct iovec v[2] = {{rec, 1}, {rec + 1, 3}};
			CHECK((w % 2 ? writev(fd, v, 2) : write(fd, rec, 4)) == 4);
			work(w * k % 7);
		}
		_exit(0);
	}
	reap(6);
	CHECK(lseek(fd, 0, SEEK_CUR) == 6 * 20 * 4);
	CHECK(pread(fd, all, sizeof all, 0) == 6 * 20 * 4);
	int next[6] = {0};
	for (int i = 0; i < 6 * 20; i++) {
		int w = all[i * 4] - 'a';
		CHECK(w >= 0 && w < 6 && all[i * 4 + 3] == '\n');
		CHECK(atoi(all + i * 4 + 1) == next[w]++);
		printf("%.3s ", all + i * 4);
	}
	printf("\n");

	/* Read by five, each record by one of them, also while one of them forks. */
	int p[2];
	CHECK(pipe(p) == 0 && lseek(fd, 0, SEEK_SET) == 0);
	for (int r = 0; r < 5; r++) {
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid)
			continue;
		close(p[0]);
		pid_t child = r == 2 ? fork() : 1;
		CHECK(child >= 0);
		char rec[4], line[16];
		ssize_t n;
		while ((n = read(fd, rec, 4)) == 4) {
			int len = snprintf(line, sizeof line, "%d%.3s ", child ? r : 9, rec);
			CHECK(write(p[1], line, len) == len);
			work(r * 3);
		}
		CHECK(n == 0);
		if (child > 1)
			reap(1);
		_exit(0);
	}
	close(p[1]);
	char buf[512];
	ssize_t n;
	int bytes = 0;
	while ((n = read(p[0], buf, sizeof buf)) > 0) {
		printf("%.*s", (int)n, buf);
		bytes += n;
	}
	CHECK(bytes == 120 * 5);
	printf("\n");
	close(p[0]);
	reap(5);

	/* Seeks of one move all: who seeks forward by one record at a time, and who reads what is there then. */
	CHECK(pipe(p) == 0 && lseek(fd, 0, SEEK_SET) == 0);
	for (int r = 0; r < 4; r++) {
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid)
			continue;
		close(p[0]);
		for (int k = 0; k < 10; k++) {
			char rec[4], line[24];
			int len;
			if (r % 2) {
				off_t at = lseek(fd, 4, SEEK_CUR);
				CHECK(at > 0 && at % 4 == 0);
				len = snprintf(line, sizeof line, "%d->%ld ", r, (long)at);
			} else {
				CHECK(read(fd, rec, 4) == 4 && rec[3] == '\n');
				len = snprintf(line, sizeof line, "%d=%.3s ", r, rec);
			}
			CHECK(write(p[1], line, len) == len);
			work(r * 2 + k);
		}
		_exit(0);
	}
	close(p[1]);
	while ((n = read(p[0], buf, sizeof buf)) > 0)
		printf("%.*s", (int)n, buf);
	printf("\n");
	close(p[0]);
	reap(4);
	CHECK(lseek(fd, 0, SEEK_CUR) == 40 * 4);

	/* O_APPEND and truncation through the one description. */
	CHECK(ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0);
	CHECK(fcntl(fd, F_SETFL, O_APPEND) == 0);
	for (int w = 0; w < 4; w++) {
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid)
			continue;
		for (int k = 0; k < 5; k++) {
			work(w * 4);
			CHECK(write(fd, (char[]){'A' + w, '0' + k}, 2) == 2);
			if (w == 3 && k == 2)
				CHECK(lseek(fd, 0, SEEK_SET) == 0); /* of no effect on what is appended */
		}
		_exit(0);
	}
	reap(4);
	CHECK(pread(fd, all, sizeof all, 0) == 40);
	printf("%.40s\n", all);

	/* sendfile and copy_file_range move the offset too. */
	CHECK(fcntl(fd, F_SETFL, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0 && pipe(p) == 0);
	for (int r = 0; r < 4; r++) {
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid)
			continue;
		close(p[0]);
		for (int k = 0; k < 5; k++) {
			work(r);
			CHECK(sendfile(p[1], fd, NULL, 2) == 2);
		}
		_exit(0);
	}
	close(p[1]);
	bytes = 0;
	while ((n = read(p[0], buf, sizeof buf)) > 0) {
		printf("%.*s", (int)n, buf);
		bytes += n;
	}
	CHECK(bytes == 40);
	printf("\n");
	reap(4);
	close(fd);
	CHECK(unlink("written") == 0);
	return 0;
}
