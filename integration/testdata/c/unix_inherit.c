// laplace: same
// Sockets over fork and exec: who has one, by whatever descriptor, keeps it open; close-on-exec gives it up.
#include "check.h"
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

int main(int argc, char **argv)
{
	int s[2], ws;
	char buf[64];
	if (argc > 1) {
		int fd = atoi(argv[1]);
		struct stat st;
		CHECK(fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode));
		CHECK(read(fd, buf, 64) == 4 && write(fd, "from the program", 16) == 16);
		CHECK_ERR(fcntl(fd - 1, F_GETFD), EBADF);
		return 0;
	}
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s) == 0);
	CHECK(s[1] == s[0] + 1 && fcntl(s[1], F_SETFD, 0) == 0);
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		char number[16];
		snprintf(number, sizeof number, "%d", s[1]);
		execl(argv[0], argv[0], number, NULL);
		_exit(99);
	}
	CHECK(close(s[1]) == 0 && write(s[0], "text", 4) == 4);
	CHECK(read(s[0], buf, 64) == 16);
	CHECK(read(s[0], buf, 64) == 0);
	CHECK(waitpid(pid, &ws, 0) == pid && ws == 0);
	close(s[0]);

	/* It ends for the last of three, who closes it by close_range. */
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	for (int i = 0; i < 3; i++)
		if (fork() == 0) {
			close(s[0]);
			int other = fcntl(s[1], F_DUPFD, 50);
			usleep(40000 * (3 - i));
			dup2(0, s[1]);
			CHECK(write(other, &"abc"[i], 1) == 1);
			close_range(3, 100, 0);
			usleep(10000);
			_exit(0);
		}
	close(s[1]);
	while (read(s[0], buf, 1) == 1)
		printf("%c", buf[0]);
	printf("\n");
	while (wait(&ws) > 0)
		CHECK(ws == 0);
	close(s[0]);

	/* A child that is killed gives its end up. */
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	if (fork() == 0) {
		close(s[0]);
		CHECK(read(s[1], buf, 1) == 1);
		abort();
	}
	close(s[1]);
	CHECK(write(s[0], "x", 1) == 1 && read(s[0], buf, 1) == 0);
	CHECK(wait(&ws) > 0 && WIFSIGNALED(ws));
	return 0;
}
