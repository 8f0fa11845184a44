// laplace: same
// inotify: who waits is told what other processes and threads do, through read, poll and epoll; what ends and execs closes.
#include "check.h"
#include "epoll.h"
#include "inotify.h"

static void *writes(void *arg)
{
	usleep(40000);
	int f = open("d/t", O_CREAT | O_WRONLY, 0644);
	CHECK(f >= 0 && write(f, "x", 1) == 1 && close(f) == 0);
	return arg;
}

static void handler(int sig) { (void)sig; }

static int done[2];

/* child runs f in a process of its own, which says when it has done that, and goes on when it is told. */
static pid_t child(void (*f)(void), void (*then)(void))
{
	int go[2];
	char b;
	CHECK(pipe(go) == 0);
	fflush(stdout);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		close(go[1]);
		f();
		CHECK(write(done[1], "d", 1) == 1);
		CHECK(read(go[0], &b, 1) == 0); /* ends with go */
		then();
		_exit(0);
	}
	close(go[0]);
	CHECK(read(done[0], &b, 1) == 1);
	CHECK(dup2(go[1], 100) == 100); /* for the next one to be told */
	close(go[1]);
	return pid;
}

static void opens(void)
{
	CHECK(open("d/e", O_CREAT | O_WRONLY | O_CLOEXEC, 0644) >= 0);
	CHECK(open("d/f", O_CREAT | O_WRONLY, 0644) >= 0);
	CHECK(dup(open("d/g", O_CREAT | O_RDWR, 0644)) >= 0);
}

static void ends(void) {}

static void execs(void)
{
	execlp("sh", "sh", "-c", "echo > d/ran; kill -TERM $$", NULL);
	_exit(127);
}

int main(void)
{
	int in = inotify_init1(IN_NONBLOCK | IN_CLOEXEC), ep = epoll_create1(EPOLL_CLOEXEC), status;
	CHECK(mkdir("d", 0755) == 0 && pipe2(done, O_CLOEXEC) == 0);
	CHECK(inotify_add_watch(in, "d", IN_CREATE | IN_CLOSE_WRITE | IN_DELETE | IN_MOVE) == 1);
	CHECK(watch(ep, in, EPOLLIN | EPOLLET, 1) == 0);
	ready(ep, 8, 0, "nothing");
	pid_t pid = child(opens, ends);
	ready(ep, 8, -1, "made");
	events(in, "made");
	ready(ep, 8, 0, "read");
	close(100);
	CHECK(waitpid(pid, NULL, 0) == pid);
	events(in, "closed by its end");
	pid = child(opens, ends);
	events(in, "opened");
	CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
	close(100);
	events(in, "killed");
	pid = child(opens, execs);
	close(100);
	CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
	events(in, "exec, and a signal");

	/* A thread. */
	pthread_t t;
	while (epoll_wait(ep, &(struct epoll_event){0}, 1, 0) == 1)
		;
	CHECK(pthread_create(&t, NULL, writes, NULL) == 0);
	ready(ep, 8, -1, "a thread's");
	CHECK(pthread_join(t, NULL) == 0);
	events(in, "its");

	/* A shell that redirects: its children share the description. */
	CHECK(system("{ echo a; /bin/echo b; } > d/s; mv d/s d/u; rm d/u") == 0);
	events(in, "a shell's");

	/* A read that waits, and a signal that ends it. */
	CHECK(fcntl(in, F_SETFL, 0) == 0);
	fflush(stdout);
	if ((pid = fork()) == 0) {
		usleep(80000);
		CHECK(mkdir("d/m", 0755) == 0);
		_exit(0);
	}
	events(in, "waited for");
	CHECK(waitpid(pid, NULL, 0) == pid);
	struct sigaction act = {.sa_handler = handler};
	CHECK(sigaction(SIGUSR1, &act, NULL) == 0);
	pid_t parent = getpid();
	if ((pid = fork()) == 0) {
		usleep(80000);
		kill(parent, SIGUSR1);
		_exit(0);
	}
	char buf[100];
	CHECK_ERR(read(in, buf, sizeof buf), EINTR);
	CHECK(waitpid(pid, NULL, 0) == pid);
	return 0;
}
