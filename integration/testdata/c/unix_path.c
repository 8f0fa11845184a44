// laplace: same
// Unix sockets with paths: bind, listen, accept, connect, and what is wrong with them.
#include "check.h"
#include <fcntl.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

static struct sockaddr_un at(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	strcpy(a.sun_path, path);
	return a;
}

static int binds(int fd, const char *path)
{
	struct sockaddr_un a = at(path);
	return bind(fd, (struct sockaddr *)&a, sizeof a);
}

static int connects(int fd, const char *path)
{
	struct sockaddr_un a = at(path);
	return connect(fd, (struct sockaddr *)&a, sizeof a);
}

static void name(const char *what, int (*f)(int, struct sockaddr *, socklen_t *), int fd)
{
	struct sockaddr_un a = {0};
	socklen_t n = sizeof a;
	if (f(fd, (struct sockaddr *)&a, &n) < 0)
		printf("%s: %s\n", what, errname(errno));
	else
		printf("%s: %u bytes, %s\n", what, n, n > 2 ? a.sun_path : "unnamed");
}

int main(void)
{
	struct stat st;
	char buf[64];
	int l = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK_ERR(listen(l, 1), EINVAL);
	CHECK_ERR(accept(l, NULL, NULL), EINVAL);
	name("unbound", getsockname, l);
	CHECK_ERR(connects(c, "sock"), ENOENT);
	CHECK_ERR(connects(c, "none/sock"), ENOENT);
	umask(027);
	CHECK(binds(l, "sock") == 0);
	CHECK(stat("sock", &st) == 0);
	printf("mode %o, size %ld, links %lu\n", st.st_mode, (long)st.st_size, (unsigned long)st.st_nlink);
	CHECK_ERR(binds(l, "other"), EINVAL);
	CHECK_ERR(binds(c, "sock"), EADDRINUSE);
	CHECK_ERR(binds(c, "none/sock"), ENOENT);
	CHECK_ERR(connects(c, "sock"), ECONNREFUSED);
	CHECK_ERR(open("sock", O_RDWR), ENXIO);
	CHECK(listen(l, 3) == 0 && listen(l, 5) == 0);
	name("listening", getsockname, l);
	CHECK(connects(c, "./sock") == 0);
	CHECK_ERR(connects(c, "sock"), EISCONN);
	CHECK_ERR(connects(l, "sock"), EINVAL);
	name("client's", getsockname, c);
	name("client's peer", getpeername, c);
	CHECK(write(c, "before it is accepted", 21) == 21);
	struct sockaddr_un from;
	socklen_t n = sizeof from;
	int d = accept4(l, (struct sockaddr *)&from, &n, SOCK_CLOEXEC | SOCK_NONBLOCK);
	CHECK(d >= 0 && fcntl(d, F_GETFD) == FD_CLOEXEC && fcntl(d, F_GETFL) == (O_RDWR | O_NONBLOCK));
	printf("accepted from %u bytes, family %d\n", n, from.sun_family);
	name("accepted", getsockname, d);
	name("accepted, peer", getpeername, d);
	CHECK(read(d, buf, 64) == 21 && write(d, "x", 1) == 1 && read(c, buf, 64) == 1);
	CHECK(fcntl(l, F_SETFL, O_NONBLOCK) == 0);
	CHECK_ERR(accept(l, NULL, NULL), EAGAIN);
	CHECK_ERR(accept4(l, NULL, NULL, 1), EINVAL);

	int other = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	CHECK_ERR(connects(other, "sock"), EPROTOTYPE);
	CHECK(rename("sock", "moved") == 0 && symlink("moved", "link") == 0);
	int e = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(binds(e, "client") == 0 && connects(e, "link") == 0);
	n = sizeof from;
	CHECK((d = accept(l, (struct sockaddr *)&from, &n)) >= 0);
	printf("from %s, %u bytes\n", from.sun_path, n);
	close(open("file", O_CREAT | O_RDWR, 0600));
	CHECK_ERR(connects(other, "file"), ECONNREFUSED);
	CHECK(unlink("moved") == 0);
	CHECK_ERR(connects(other, "moved"), ENOENT);
	CHECK(mknod("again", S_IFSOCK | 0600, 0) == 0); /* may have the number of the one that is gone */
	CHECK_ERR(connects(socket(AF_UNIX, SOCK_STREAM, 0), "again"), ECONNREFUSED);
	unlink("again");
	CHECK(write(e, "still connected", 15) == 15 && read(d, buf, 64) == 15);
	int f = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(binds(f, "moved") == 0 && listen(f, 1) == 0);
	close(f);
	CHECK_ERR(connects(other, "moved"), ECONNREFUSED);
	unlink("moved");
	unlink("link");

	struct sockaddr_un a = at("x");
	CHECK_ERR(bind(f = socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&a, 200), EINVAL);
	CHECK_ERR(bind(f, (struct sockaddr *)&a, 1), EINVAL);
	a.sun_family = AF_INET;
	CHECK_ERR(bind(f, (struct sockaddr *)&a, sizeof a), EINVAL);
	memset(&a, 'p', sizeof a);
	a.sun_family = AF_UNIX;
	CHECK(bind(f, (struct sockaddr *)&a, sizeof a) == 0);
	name("a path without its end", getsockname, f);

	/* The same from one process to another. */
	int t = socket(AF_UNIX, SOCK_SEQPACKET, 0), ws;
	CHECK(binds(t, "packets") == 0 && listen(t, 1) == 0);
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		CHECK(connects(other, "packets") == 0);
		CHECK(send(other, "one", 3, 0) == 3 && send(other, "two", 3, 0) == 3 && recv(other, buf, 64, 0) == 5);
		_exit(0);
	}
	close(other);
	d = accept(t, NULL, NULL);
	CHECK(d >= 0 && recv(d, buf, 64, 0) == 3 && recv(d, buf, 64, 0) == 3 && send(d, "reply", 5, 0) == 5);
	CHECK(recv(d, buf, 64, 0) == 0);
	CHECK(waitpid(pid, &ws, 0) == pid && ws == 0);
	return 0;
}
