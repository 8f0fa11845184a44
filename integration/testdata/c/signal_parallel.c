// laplace: pinned
// Signals to many processes that wait in different ways, at once and in turn: each ends, or runs its handler, where it
// waits; a whole group is signalled together; a storm between siblings; and killed members of a pipeline.
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { READ, WRITE, POLL, SLEEP, PAUSE, WAIT, LOCK, OPEN, WAYS };

static volatile sig_atomic_t runs;
static void handler(int sig) { runs++; }

static int empty[2], full[2];

static void work(int n)
{
	while (n-- > 0)
		getppid();
}

/* wait_for waits in one way until a signal arrives; it returns the errno. */
static int wait_for(int way, const sigset_t *open_mask)
{
	static char big[65536];
	struct pollfd f = {.fd = empty[0], .events = POLLIN};
	char c;
	int s, r = -1;
	errno = 0;
	switch (way) {
	case READ: r = read(empty[0], &c, 1); break;
	case WRITE: r = write(full[1], big, sizeof big); break;
	case POLL: r = poll(&f, 1, -1); break;
	case SLEEP: r = usleep(1000000000); break;
	case PAUSE: r = sigsuspend(open_mask); break;
	case WAIT: r = wait(&s); break;
	case LOCK: r = flock(open("lock", O_RDONLY), LOCK_EX); break;
	case OPEN: r = open("fifo", O_RDONLY); break;
	}
	return r < 0 ? errno : 0;
}

/* start makes a child for each way of waiting; ready tells when it is about to wait. */
static void start(pid_t pids[WAYS], int handled, int ready, int group)
{
	for (int way = 0; way < WAYS; way++) {
		pids[way] = fork();
		CHECK(pids[way] >= 0);
		if (pids[way])
			continue;
		sigset_t set, old;
		if (group)
			setpgid(0, group == 1 ? 0 : group);
		sigemptyset(&set);
		sigaddset(&set, SIGUSR1);
		/* Blocked until it waits, or the handler might run before: then nothing would end the wait. Only PAUSE opens
		 * the mask itself; others ask to be told again. */
		sigprocmask(way == PAUSE ? SIG_BLOCK : SIG_UNBLOCK, &set, &old);
		if (handled)
			sigaction(SIGUSR1, &(struct sigaction){.sa_handler = handler}, NULL);
		pid_t self = getpid();
		if (way == WAIT && fork() == 0) { /* a child that it waits for, which ends when its parent has */
			close(ready);
			while (getppid() == self && poll(NULL, 0, 5) == 0)
				;
			_exit(0);
		}
		work(way * 9);
		CHECK(write(ready, &(char){'a' + way}, 1) == 1);
		sigemptyset(&old);
		int e = wait_for(way, &old);
		_exit(handled && e == EINTR ? runs : 99);
	}
}

static void show(const char *name, pid_t pids[WAYS], int exit)
{
	int s;
	printf("%s:", name);
	for (int i = 0; i < WAYS; i++) {
		pid_t pid = wait(&s);
		int way = 0;
		while (way < WAYS && pids[way] != pid)
			way++;
		CHECK(way < WAYS);
		printf(" %c", 'a' + way);
		CHECK(exit ? WIFEXITED(s) && WEXITSTATUS(s) >= 1 && WEXITSTATUS(s) < 99 : WIFSIGNALED(s));
		if (!exit)
			printf("-%d", WTERMSIG(s));
	}
	printf("\n");
}

int main(void)
{
	setlinebuf(stdout);
	static char big[65536], letters[WAYS];
	int ready[2], s;
	pid_t pids[WAYS];
	CHECK(pipe(empty) == 0 && pipe(full) == 0 && write(full[1], big, sizeof big) == sizeof big);
	int held = open("lock", O_RDWR | O_CREAT, 0644);
	CHECK(held >= 0 && flock(held, LOCK_EX) == 0 && mkfifo("fifo", 0644) == 0);
	signal(SIGCHLD, SIG_DFL);

	/* Ended at once, each by its pid, in the opposite order; by two kinds of signals. */
	static const int sigs[] = {SIGTERM, SIGKILL};
	for (int k = 0; k < 2; k++) {
		CHECK(pipe(ready) == 0);
		start(pids, 0, ready[1], 0);
		for (int i = 0; i < WAYS; i++)
			CHECK(read(ready[0], letters + i, 1) == 1);
		printf("ready: %.8s\n", letters);
		for (int way = WAYS - 1; way >= 0; way--)
			CHECK(kill(pids[way], sigs[k]) == 0);
		show(k ? "killed" : "ended", pids, 0);
		close(ready[0]);
		close(ready[1]);
	}

	/* Handlers: told again until each has gone. */
	CHECK(pipe(ready) == 0);
	start(pids, 1, ready[1], 0);
	for (int i = 0; i < WAYS; i++)
		CHECK(read(ready[0], letters + i, 1) == 1);
	int told = 0, gone = 0, order[WAYS];
	while (gone < WAYS) {
		for (int way = 0; way < WAYS; way++)
			if (pids[way] > 0) {
				CHECK(kill(pids[way], SIGUSR1) == 0);
				told++;
			}
		usleep(1000);
		for (int way = 0; way < WAYS; way++)
			if (pids[way] > 0 && waitpid(pids[way], &s, WNOHANG) == pids[way]) {
				CHECK(WIFEXITED(s) && WEXITSTATUS(s) >= 1 && WEXITSTATUS(s) < 99);
				order[gone++] = way;
				pids[way] = 0;
			}
	}
	printf("handled, told %d times:", told);
	for (int i = 0; i < WAYS; i++)
		printf(" %c", 'a' + order[i]);
	printf("\n");
	close(ready[0]);
	close(ready[1]);

	/* A group at once. */
	CHECK(pipe(ready) == 0);
	pid_t leader = fork();
	CHECK(leader >= 0);
	if (leader == 0) {
		setpgid(0, 0);
		CHECK(write(ready[1], "l", 1) == 1);
		for (;;)
			pause();
	}
	CHECK(read(ready[0], letters, 1) == 1);
	start(pids, 0, ready[1], leader);
	for (int i = 0; i < WAYS; i++)
		CHECK(read(ready[0], letters + i, 1) == 1);
	CHECK(kill(-leader, SIGHUP) == 0);
	CHECK(waitpid(leader, &s, 0) == leader && WTERMSIG(s) == SIGHUP);
	show("group", pids, 0);

	/* Siblings that signal one another: each tells the next one, round and round, until all have been told ten times. */
	enum { RING = 5 };
	int go[2], back[2];
	CHECK(pipe(go) == 0 && pipe(back) == 0);
	pid_t ring[RING];
	for (int i = 0; i < RING; i++) {
		ring[i] = fork();
		CHECK(ring[i] >= 0);
		if (ring[i])
			continue;
		sigset_t set;
		siginfo_t info;
		sigemptyset(&set);
		sigaddset(&set, SIGUSR2);
		sigprocmask(SIG_BLOCK, &set, NULL);
		pid_t next;
		CHECK(write(back[1], "r", 1) == 1);
		CHECK(read(go[0], &next, sizeof next) == sizeof next);
		for (int k = 0; k < 10; k++) {
			CHECK(sigwaitinfo(&set, &info) == SIGUSR2);
			char line[16];
			int len = snprintf(line, sizeof line, "%d.%d ", i, k);
			CHECK(write(back[1], line, len) == len);
			kill(next, SIGUSR2); /* the last time nobody is there, perhaps */
		}
		_exit(0);
	}
	for (int i = 0; i < RING; i++)
		CHECK(read(back[0], letters, 1) == 1);
	/* Whoever reads a pid takes it for the next one: any permutation may be no ring, so all get the first's. */
	for (int i = 0; i < RING; i++)
		CHECK(write(go[1], &ring[0], sizeof ring[0]) == sizeof ring[0]);
	close(back[1]);
	int ended = 0, sent = 0;
	while (ended < RING) {
		for (int i = 1; i < RING; i++)
			if (ring[i] > 0)
				kill(ring[i], SIGUSR2), sent++;
		usleep(1000);
		for (int i = 0; i < RING; i++)
			if (ring[i] > 0 && waitpid(ring[i], &s, WNOHANG) == ring[i]) {
				CHECK(s == 0);
				ring[i] = 0;
				ended++;
			}
	}
	char buf[512];
	ssize_t n;
	int bytes = 0;
	printf("sent %d: ", sent);
	while ((n = read(back[0], buf, sizeof buf)) > 0) {
		printf("%.*s", (int)n, buf);
		bytes += n;
	}
	CHECK(bytes == RING * 10 * 4);
	printf("\n");
	CHECK(unlink("fifo") == 0 && unlink("lock") == 0);
	return 0;
}
