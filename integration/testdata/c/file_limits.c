// laplace: pinned refused=fallocate!,pwritev2!,preadv2!,openat2!,name_to_handle_at!,ioctl!
// What differs between file systems: sizes, modes of fallocate, flags of open and of pwritev2, seals, attributes and handles.
#include "check.h"
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

static const int64_t most = (16LL << 40) - 4096;
static int signals;

static void count(int sig) { signals++; }

static void size(const char *where)
{
	char path[64], page[4096] = "";
	snprintf(path, sizeof path, "%s/large", where);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
	CHECK(fd >= 0);
	CHECK(pwrite(fd, "x", 1, most - 1) == 1);
	CHECK_ERR(pwrite(fd, "x", 1, most), EFBIG);
	CHECK_ERR(pwrite(fd, "x", 1, most + 4096), EFBIG);
	CHECK(pwrite(fd, page, sizeof page, most - 10) == 10);
	CHECK(lseek(fd, most, SEEK_SET) == most);
	CHECK_ERR(write(fd, "x", 1), EFBIG);
	CHECK_ERR(lseek(fd, most + 1, SEEK_SET), EINVAL);
	CHECK_ERR(lseek(fd, 1LL << 41, SEEK_CUR), EINVAL);
	CHECK_ERR(lseek(fd, 1LL << 41, SEEK_END), EINVAL);
	CHECK(lseek(fd, -(1LL << 41), SEEK_CUR) == most - (1LL << 41));
	CHECK_ERR(ftruncate(fd, most + 1), EFBIG);
	CHECK_ERR(truncate(path, INT64_MAX), EFBIG);
	CHECK_ERR(fallocate(fd, 0, most, 1), EFBIG);
	CHECK_ERR(fallocate(fd, FALLOC_FL_KEEP_SIZE, 1LL << 60, 1LL << 60), EFBIG);
	CHECK(ftruncate(fd, most) == 0 && lseek(fd, 0, SEEK_END) == most);
	CHECK(ftruncate(fd, 0) == 0);
	CHECK(signals == 0);
	/* A limit of the process's own is told by a signal. */
	struct rlimit old, low;
	CHECK(getrlimit(RLIMIT_FSIZE, &old) == 0 && old.rlim_cur == RLIM_INFINITY && old.rlim_max == RLIM_INFINITY);
	low = old;
	low.rlim_cur = 100;
	CHECK(setrlimit(RLIMIT_FSIZE, &low) == 0);
	CHECK_ERR(pwrite(fd, "x", 1, 100), EFBIG);
	CHECK(signals == 1);
	CHECK(setrlimit(RLIMIT_FSIZE, &old) == 0);
	CHECK_ERR(pwrite(fd, "x", 1, most), EFBIG);
	CHECK(signals == 1);
	signals = 0;
	CHECK(close(fd) == 0 && unlink(path) == 0);
}

static void space(const char *where)
{
	static const int refused[] = {FALLOC_FL_ZERO_RANGE, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, FALLOC_FL_COLLAPSE_RANGE,
				      FALLOC_FL_INSERT_RANGE, FALLOC_FL_UNSHARE_RANGE, FALLOC_FL_PUNCH_HOLE, 0x80, 0x40000000};
	char path[64], buf[8];
	snprintf(path, sizeof path, "%s/space", where);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
	CHECK(fd >= 0);
	CHECK(fallocate(fd, 0, 0, 16384) == 0 && lseek(fd, 0, SEEK_END) == 16384);
	CHECK(fallocate(fd, FALLOC_FL_KEEP_SIZE, 16384, 4096) == 0 && lseek(fd, 0, SEEK_END) == 16384);
	CHECK(pwrite(fd, "content", 7, 4096) == 7);
	CHECK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 4096) == 0);
	CHECK(pread(fd, buf, 7, 4096) == 7 && buf[0] == 0);
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
		CHECK_ERR(fallocate(fd, refused[i], 0, 4096), EOPNOTSUPP);
	CHECK_ERR(fallocate(fd, 0, -1, 4096), EINVAL);
	CHECK_ERR(fallocate(fd, 0, 0, 0), EINVAL);
	CHECK_ERR(fallocate(99, 0, 0, 1), EBADF);
	CHECK(posix_fallocate(fd, 0, 100) == 0);
	struct iovec v = {buf, 4};
	CHECK(pwritev2(fd, &v, 1, 0, RWF_DSYNC) == 4 && pwritev2(fd, &v, 1, 0, RWF_SYNC | RWF_APPEND) == 4);
	CHECK(preadv2(fd, &v, 1, 0, RWF_HIPRI) == 4);
	for (int flag = 0x20; flag <= 0x1000; flag <<= 1) {
		CHECK_ERR(pwritev2(fd, &v, 1, 0, flag), EOPNOTSUPP);
		CHECK_ERR(preadv2(fd, &v, 1, 0, flag), EOPNOTSUPP);
	}
	CHECK(close(fd) == 0);
	/* Direct reads and writes need no alignment that only some file systems ask for. */
	fd = open(path, O_RDWR | O_DIRECT);
	CHECK(fd >= 0 && pwrite(fd, "odd", 3, 1) == 3 && pread(fd, buf, 3, 1) == 3 && memcmp(buf, "odd", 3) == 0);
	CHECK(fcntl(fd, F_SETFL, O_DIRECT | O_APPEND) == 0 && write(fd, "x", 1) == 1);
	CHECK(close(fd) == 0);
	fd = open(path, O_RDONLY | O_NOATIME);
	CHECK(fd >= 0 && close(fd) == 0);
	struct open_how how = {.flags = O_RDONLY | O_DIRECT};
	CHECK_ERR(syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how), EINVAL);
	CHECK(unlink(path) == 0);
	fd = open(path, O_RDWR | O_CREAT | O_DIRECT | O_NOATIME, 0600);
	CHECK(fd >= 0 && write(fd, "1", 1) == 1);
	/* Only files in memory have seals, and only if they were made as such. */
	CHECK_ERR(fcntl(fd, F_GET_SEALS), EINVAL);
	CHECK_ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), EINVAL);
	long value = 0;
	CHECK_ERR(ioctl(fd, FS_IOC_GETFLAGS, &value), ENOTTY);
	CHECK_ERR(ioctl(fd, FS_IOC_GETVERSION, &value), ENOTTY);
	CHECK_ERR(ioctl(fd, FICLONE, fd), EOPNOTSUPP);
	CHECK(ioctl(fd, FIGETBSZ, &value) == 0 && value == 4096);
	struct stat st;
	struct statx x;
	CHECK(fstat(fd, &st) == 0 && st.st_blksize == 4096);
	CHECK(statx(fd, "", AT_EMPTY_PATH, 0xfff | STATX_MNT_ID | 0x2000, &x) == 0);
	CHECK(x.stx_mask == STATX_BASIC_STATS && x.stx_attributes == 0 && x.stx_attributes_mask == 0 && x.stx_mnt_id == 0);
	char handle[sizeof(struct file_handle) + 128];
	((struct file_handle *)handle)->handle_bytes = 128;
	int mount;
	CHECK_ERR(name_to_handle_at(fd, "", (struct file_handle *)handle, &mount, AT_EMPTY_PATH), EOPNOTSUPP);
	CHECK(close(fd) == 0 && unlink(path) == 0);
}

static void names(const char *where)
{
	char path[400];
	int n = snprintf(path, sizeof path, "%s/", where);
	memset(path + n, 'n', 256);
	path[n + 255] = 0;
	int fd = open(path, O_RDWR | O_CREAT, 0644);
	CHECK(fd >= 0 && close(fd) == 0 && unlink(path) == 0 && mkdir(path, 0755) == 0 && rmdir(path) == 0);
	path[n + 255] = 'n';
	path[n + 256] = 0;
	CHECK_ERR(open(path, O_RDWR | O_CREAT, 0644), ENAMETOOLONG);
	CHECK_ERR(mkdir(path, 0755), ENAMETOOLONG);
	CHECK_ERR(symlink("x", path), ENAMETOOLONG);
}

int main(void)
{
	static const char *const where[] = {".", "/tmp"};
	struct sigaction sa = {.sa_handler = count};
	CHECK(sigaction(SIGXFSZ, &sa, NULL) == 0);
	for (int i = 0; i < 2 && boxed(); i++) {
		size(where[i]);
		space(where[i]);
		names(where[i]);
	}
	/* Others' files cannot be opened without leaving a trace. */
	struct stat st;
	CHECK(stat("/usr/bin/env", &st) == 0);
	if (st.st_uid != getuid())
		CHECK_ERR(open("/usr/bin/env", O_RDONLY | O_NOATIME), EPERM);
	int fd = memfd_create("sealed", MFD_ALLOW_SEALING);
	CHECK(fd >= 0 && fcntl(fd, F_GET_SEALS) == 0 && write(fd, "abc", 3) == 3);
	CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK) == 0 && fcntl(fd, F_GET_SEALS) == (F_SEAL_WRITE | F_SEAL_SHRINK));
	CHECK_ERR(write(fd, "x", 1), EPERM);
	CHECK_ERR(fcntl(open("/proc/version", O_RDONLY), F_GET_SEALS), EINVAL);
	printf("ok\n");
	return 0;
}
