// laplace: pinned refused=splice,sendfile,copy_file_range
// Random bytes that the kernel would move by itself, without passing through the program's memory.
#include "check.h"
#include <fcntl.h>
#include <sys/sendfile.h>

static void show(const char *what, const unsigned char *p)
{
	printf("%s ", what);
	for (int i = 0; i < 16; i++)
		printf("%02x", p[i]);
	printf("\n");
}

int main(void)
{
	unsigned char buf[16] = {0};
	int fd = open("/dev/urandom", O_RDONLY), out = open("file", O_RDWR | O_CREAT, 0644), p[2];
	CHECK(fd >= 0 && out >= 0 && pipe(p) == 0);
	errno = 0;
	ssize_t n = sendfile(out, fd, NULL, 16);
	printf("sendfile %zd %s\n", n, errname(errno));
	if (n > 0) {
		CHECK(pread(out, buf, 16, 0) == n);
		show("file", buf);
	}
	errno = 0;
	n = splice(fd, NULL, p[1], NULL, 16, 0);
	printf("splice %zd %s\n", n, errname(errno));
	if (n > 0) {
		CHECK(read(p[0], buf, 16) == n);
		show("pipe", buf);
	}
	errno = 0;
	n = copy_file_range(fd, NULL, out, NULL, 16, 0);
	printf("copy_file_range %zd %s\n", n, errname(errno));
	return 0;
}
