// laplace: same
// inotify: what is told of names: made, linked, moved, exchanged, taken away, and the end of what nobody has open.
#include "check.h"
#include "inotify.h"

int main(void)
{
	int f, in = inotify_init1(IN_NONBLOCK);
	CHECK(mkdir("d", 0755) == 0 && inotify_add_watch(in, "d", IN_ALL_EVENTS) == 1);
	E(f = open("d/a", O_RDWR | O_CREAT, 0644));
	E(close(f));
	CHECK(inotify_add_watch(in, "d/a", IN_ALL_EVENTS) == 2);
	E(link("d/a", "d/b"));
	E(link("d/a", "b"));
	E(unlink("d/b"));
	E(unlink("b"));
	E(rename("d/a", "d/c"));
	E(rename("d/c", "d/c"));
	E(rename("d/c", "out"));
	E(rename("out", "d/c"));
	E(chmod("d/c", 0644));
	E(f = open("d/e", O_CREAT | O_WRONLY, 0644));
	E(rename("d/e", "d/c")); /* over what is watched */
	E(write(f, "x", 1));
	E(close(f));
	E(symlink("x", "d/s"));
	E(unlink("d/s"));
	E(mkfifo("d/p", 0600));
	E(unlink("d/p"));

	/* Directories. */
	E(mkdir("d/sub", 0755));
	CHECK(inotify_add_watch(in, "d/sub", IN_ALL_EVENTS) == 3);
	E(chmod("d/sub", 0700));
	E(mkdir("d/sub/x", 0700));
	E(rename("d/sub", "d/sub2"));
	E(rename("d/sub2/x", "d/x"));
	E(rmdir("d/x"));
	E(rmdir("d/sub2"));

	/* Open, and without a name. */
	E(f = open("d/c", O_RDWR));
	CHECK(inotify_add_watch(in, "d/c", IN_ALL_EVENTS) == 4);
	int g = dup(f);
	E(unlink("d/c"));
	E(write(f, "a", 1));
	E(close(f));
	E(close(g));

	E(f = open("d/y", O_CREAT | O_RDWR, 0600));
	E(close(f));
	E(f = open("d/z", O_CREAT | O_RDWR, 0600));
	E(renameat2(AT_FDCWD, "d/z", AT_FDCWD, "d/y", RENAME_EXCHANGE));
	E(close(f));
	E(unlink("d/z"));
	E(unlink("d/y"));
	E(rename("d", "dd"));
	E(rmdir("dd"));
	E(mkdir("d", 0755));
	return 0;
}
