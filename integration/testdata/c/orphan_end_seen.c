// laplace: pinned
// Until when a process is there that nobody waits for: by kill, in /proc, in its listing, by wait. Natively its end and those
// who look race; in a box its end has its place, however early it comes there. In parallel a listing of /proc may come when somebody
// had been waited for already, which taints.
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

static void work(int calls)
{
	for (int i = 0; i < calls; i++)
		close(open("/dev/null", O_RDONLY));
}

/* compute makes no call. */
static void compute(void)
{
	for (volatile long i = 0; i < 20000000; i++)
		;
}

/* orphan returns the pid of a process whose parent has ended. */
static pid_t orphan(void)
{
	int fds[2];
	CHECK(pipe(fds) == 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		pid_t child = fork();
		if (child == 0) {
			work(200);
			_exit(0);
		}
		_exit(write(fds[1], &child, sizeof child) != sizeof child);
	}
	CHECK(read(fds[0], &pid, sizeof pid) == sizeof pid);
	CHECK(wait(NULL) > 0);
	close(fds[0]);
	close(fds[1]);
	compute();
	return pid;
}

static int listed(void)
{
	int n = 0;
	DIR *d = opendir("/proc");
	CHECK(d != NULL);
	for (struct dirent *e; (e = readdir(d)) != NULL;)
		n += e->d_name[0] >= '0' && e->d_name[0] <= '9';
	closedir(d);
	return n;
}

int main(void)
{
	int n = 0;
	pid_t pid = orphan();
	while (kill(pid, 0) == 0)
		n++;
	printf("kill finds it %d times\n", n);

	char path[64];
	snprintf(path, sizeof path, "/proc/%d/stat", (int)orphan());
	for (n = 0; access(path, F_OK) == 0;)
		n++;
	printf("access finds it %d times\n", n);

	int done[2];
	CHECK(pipe(done) == 0);
	pid = fork(); /* who forks itself, later, and waits when it has been looked at */
	CHECK(pid >= 0);
	if (pid == 0) {
		char c;
		close(done[1]);
		for (int i = 0; i < 4; i++) {
			work(10);
			if (fork() == 0) {
				work(100);
				_exit(0);
			}
		}
		CHECK(read(done[0], &c, 1) == 0);
		while (wait(NULL) > 0)
			;
		_exit(0);
	}
	close(done[0]);
	compute();
	printf("listed:");
	for (int i = 0; i < 10; i++)
		printf(" %d", listed());
	printf("\n");
	close(done[1]);
	CHECK(waitpid(pid, NULL, 0) == pid);

	signal(SIGCHLD, SIG_IGN);
	for (int i = 1; i <= 4; i++)
		if (fork() == 0) {
			work(100 * i);
			_exit(0);
		}
	compute();
	printf("listed:");
	for (int i = 0; i < 20; i++)
		printf(" %d", listed());
	for (n = 0; waitpid(-1, NULL, WNOHANG) == 0;)
		n++;
	printf("\nwait finds some %d times\n", n);
	return 0;
}
