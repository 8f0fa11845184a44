// laplace: pinned refused=ioctl
// /dev/random and /dev/urandom by every way of reading them.
#include "check.h"
#include <fcntl.h>
#include <linux/random.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>

static void show(const char *what, const unsigned char *p, int n)
{
	printf("%s ", what);
	for (int i = 0; i < n; i++)
		printf("%02x", p[i]);
	printf("\n");
}

static void device(const char *path, int minor_)
{
	unsigned char a[16], b[16], c[16];
	int fd = open(path, O_RDWR), other = open(path, O_RDONLY);
	CHECK(fd >= 0 && other >= 0);
	struct stat st;
	CHECK(fstat(fd, &st) == 0);
	CHECK(S_ISCHR(st.st_mode) && (st.st_mode & 07777) == 0666);
	CHECK(major(st.st_rdev) == 1 && minor(st.st_rdev) == minor_);
	CHECK(read(fd, a, 16) == 16 && read(fd, b, 16) == 16 && read(other, c, 16) == 16);
	CHECK(memcmp(a, b, 16) && memcmp(a, c, 16) && memcmp(b, c, 16));
	show(path, a, 16);
	show(path, b, 16);
	show(path, c, 16);
	/* The offset means nothing, but can be set. */
	CHECK(pread(fd, a, 16, 0) == 16 && pread(fd, b, 16, 0) == 16);
	CHECK(memcmp(a, b, 16));
	show("pread", a, 16);
	CHECK(lseek(fd, 0, SEEK_SET) == 0);
	struct iovec v[3] = {{a, 3}, {b, 16}, {c, 5}};
	CHECK(readv(fd, v, 3) == 24);
	show("readv", b, 16);
	CHECK(read(fd, a, 0) == 0);
	CHECK_ERR(syscall(SYS_read, fd, 8, 16), EFAULT);
	CHECK(write(fd, "seed", 4) == 4);
	CHECK(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED);
	FILE *f = fopen(path, "r");
	CHECK(f && fread(a, 1, 16, f) == 16 && fclose(f) == 0);
	show("fread", a, 16);
	int bits = -1;
	errno = 0;
	int r = ioctl(fd, RNDGETENTCNT, &bits);
	printf("RNDGETENTCNT %d %s %d\n", r, errname(errno), bits);
	bits = 8;
	errno = 0;
	r = ioctl(fd, RNDADDTOENTCNT, &bits);
	CHECK(r == -1);
	static unsigned char big[100000];
	CHECK(read(fd, big, sizeof big) == sizeof big);
	show("tail", big + sizeof big - 16, 16);
	CHECK(close(fd) == 0 && close(other) == 0);
	/* What the device gives goes into a file through sendfile too. */
	fd = open(path, O_RDONLY);
	unsigned char byte;
	CHECK(read(fd, &byte, 1) == 1);
	show("byte", &byte, 1);
	CHECK(close(fd) == 0);
}

int main(void)
{
	device("/dev/random", 8);
	device("/dev/urandom", 9);
	return 0;
}
