// laplace: same
// What calls on files do with sockets; sendfile and splice into one and out of one.
#include "check.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

int main(void)
{
	int s[2], p[2];
	struct stat st, st2;
	static char buf[300000];
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0 && pipe(p) == 0);
	CHECK(fstat(s[0], &st) == 0 && fstat(s[1], &st2) == 0 && st.st_ino != st2.st_ino && st.st_dev == st2.st_dev);
	printf("mode %o, size %ld, links %lu\n", st.st_mode, (long)st.st_size, (unsigned long)st.st_nlink);
	CHECK_ERR(lseek(s[0], 0, SEEK_CUR), ESPIPE);
	CHECK_ERR(pread(s[0], buf, 1, 0), ESPIPE);
	CHECK_ERR(pwrite(s[0], buf, 1, 0), ESPIPE);
	CHECK_ERR(ftruncate(s[0], 0), EINVAL);
	CHECK_ERR(fsync(s[0]), EINVAL);
	CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, s[0], 0) == MAP_FAILED);
	char link[64], text[64];
	snprintf(link, sizeof link, "/proc/self/fd/%d", s[0]);
	long n = readlink(link, text, sizeof text - 1);
	CHECK(n > 0);
	text[n] = 0;
	snprintf(buf, sizeof buf, "socket:[%lu]", (unsigned long)st.st_ino);
	CHECK(strcmp(text, buf) == 0);
	CHECK_ERR(open(link, O_RDWR), ENXIO);

	int f = open("file", O_RDWR | O_CREAT | O_TRUNC, 0644);
	for (unsigned i = 0; i < sizeof buf; i++)
		buf[i] = i * 11 / 7;
	CHECK(write(f, buf, sizeof buf) == sizeof buf);
	off_t off = 0;
	CHECK(sendfile(s[0], f, &off, 1000) == 1000 && off == 1000);
	CHECK(recv(s[1], buf, 2000, 0) == 1000);
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		close(s[1]);
		off = 0;
		while ((n = sendfile(s[0], f, &off, sizeof buf)) > 0)
			;
		CHECK(n == 0 && off == sizeof buf);
		_exit(0);
	}
	close(s[0]);
	unsigned at = 0;
	while ((n = read(s[1], buf, 10000)) > 0)
		for (long i = 0; i < n; i++, at++)
			CHECK(buf[i] == (char)(at * 11 / 7));
	CHECK(n == 0 && at == sizeof buf);
	int ws;
	CHECK(waitpid(pid, &ws, 0) == pid && ws == 0);

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	CHECK(write(p[1], "spliced", 7) == 7);
	CHECK(splice(p[0], NULL, s[0], NULL, 100, 0) == 7 && read(s[1], buf, 100) == 7);
	CHECK(write(s[1], "back", 4) == 4);
	CHECK(splice(s[0], NULL, p[1], NULL, 100, 0) == 4 && read(p[0], buf, 100) == 4 && memcmp(buf, "back", 4) == 0);
	CHECK_ERR(splice(s[0], NULL, p[1], NULL, 100, SPLICE_F_NONBLOCK), EAGAIN);
	close(s[1]);
	CHECK(splice(s[0], NULL, p[1], NULL, 100, 0) == 0);
	return 0;
}
