// laplace: same
// A FIFO as a file: its mode, names, errors, links and what happens to it when it is renamed or unlinked while open.
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

int main(void)
{
	setlinebuf(stdout);
	char buf[64];
	struct stat st;
	umask(027);
	CHECK(mkfifo("a", 0666) == 0);
	CHECK_ERR(mkfifo("a", 0666), EEXIST);
	CHECK_ERR(mkfifo("none/a", 0666), ENOENT);
	CHECK_ERR(mkfifo("a/b", 0666), ENOTDIR);
	CHECK_ERR(mkfifo("", 0666), ENOENT);
	CHECK(stat("a", &st) == 0);
	printf("fifo %d, mode %03o, nlink %ld, size %ld\n", S_ISFIFO(st.st_mode), st.st_mode & 0777, (long)st.st_nlink, (long)st.st_size);
	CHECK(mknod("b", S_IFIFO | 0640, 0) == 0 && mkfifoat(AT_FDCWD, "c", 0600) == 0);
	CHECK(chmod("b", 0604) == 0 && stat("b", &st) == 0);
	printf("chmod %03o\n", st.st_mode & 0777);

	int rw = open("a", O_RDWR | O_NONBLOCK);
	CHECK(rw >= 0);
	CHECK_ERR(lseek(rw, 0, SEEK_SET), ESPIPE);
	CHECK_ERR(ftruncate(rw, 0), EINVAL);
	CHECK_ERR(open("a", O_RDONLY | O_DIRECTORY), ENOTDIR);
	CHECK_ERR(open("a", O_CREAT | O_EXCL | O_RDWR, 0600), EEXIST);
	CHECK(access("a", R_OK | W_OK) == 0);
	CHECK_ERR(access("a", X_OK), EACCES);
	printf("errors as documented\n");

	/* All names of one inode are one pipe; so is the new name after a rename. */
	CHECK(link("a", "a2") == 0 && stat("a", &st) == 0 && st.st_nlink == 2);
	int w = open("a2", O_WRONLY | O_NONBLOCK);
	CHECK(w >= 0 && write(w, "linked", 6) == 6 && read(rw, buf, 64) == 6);
	printf("%.6s\n", buf);
	close(w);
	CHECK(rename("a", "renamed") == 0);
	w = open("renamed", O_WRONLY | O_NONBLOCK);
	CHECK(w >= 0 && write(w, "renamed", 7) == 7 && read(rw, buf, 64) == 7);
	printf("%.7s\n", buf);

	/* Unlinked, it works on for who has it; a new one of that name is another pipe. */
	CHECK(unlink("renamed") == 0 && unlink("a2") == 0);
	CHECK(fstat(rw, &st) == 0 && st.st_nlink == 0);
	CHECK(write(w, "gone", 4) == 4 && read(rw, buf, 64) == 4);
	CHECK(mkfifo("a2", 0600) == 0);
	CHECK_ERR(open("a2", O_WRONLY | O_NONBLOCK), ENXIO);
	printf("%.4s\n", buf);

	/* Listings tell its type. */
	DIR *d = opendir(".");
	CHECK(d != NULL);
	int fifos = 0;
	for (struct dirent *e; (e = readdir(d));)
		if (e->d_type == DT_FIFO)
			fifos++;
	closedir(d);
	printf("fifos %d\n", fifos);
	return 0;
}
