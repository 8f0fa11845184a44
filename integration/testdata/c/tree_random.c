// laplace: pinned
/* Trees of processes that do random things to each other: pipes, locks, signals, shared files and names. Whatever
   they see of each other, and in which order, is what they print. */
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

enum { TREES = 24, PIPES = 3, DEPTH = 4, NAMES = 3, KIDS = 4 };

static uint64_t state; /* of the random numbers; the same natively and boxed */
static char path[64];  /* in the tree */
static int pipes[PIPES][2], lock, counter, log_fd;
static volatile sig_atomic_t terms;

static unsigned below(unsigned n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 20) % n;
}

/* say writes a line at once, so that lines do not mix. */
static void say(const char *format, ...)
{
	char line[256];
	int n = snprintf(line, sizeof line, "%s ", path);
	va_list args;
	va_start(args, format);
	n += vsnprintf(line + n, sizeof line - n, format, args);
	va_end(args);
	line[n++] = '\n';
	if (write(1, line, n) != n)
		_exit(99);
}

static void on_term(int sig) { terms += sig == SIGTERM; }

static void count(void)
{
	char text[16] = "";
	ssize_t n = pread(counter, text, sizeof text - 1, 0);
	int value = n > 0 ? atoi(text) : 0;
	snprintf(text, sizeof text, "%9d", value + 1);
	if (pwrite(counter, text, 9, 0) != 9)
		_exit(98);
	say("counts %d", value + 1);
}

static void exchange(void)
{
	int i = below(PIPES), wait = below(20);
	char text[100];
	if (below(2)) {
		struct pollfd p = {.fd = pipes[i][1], .events = POLLOUT};
		int n = snprintf(text, sizeof text, "[%s %u]", path, below(1000));
		if (poll(&p, 1, wait) == 1)
			say("writes %zd", write(pipes[i][1], text, n));
		return;
	}
	struct pollfd p = {.fd = pipes[i][0], .events = POLLIN};
	if (poll(&p, 1, wait) != 1) {
		say("finds nothing in %d", i);
		return;
	}
	ssize_t n = read(pipes[i][0], text, 1 + below(sizeof text));
	say("reads %zd: %.*s", n, n > 0 ? (int)n : 0, text);
}

static void rename_things(void)
{
	char a[16], b[16];
	snprintf(a, sizeof a, "name%u", below(NAMES));
	snprintf(b, sizeof b, "name%u", below(NAMES));
	struct stat st;
	int err = 0;
	switch (below(5)) {
	case 0: err = mkdir(a, 0700); break;
	case 1: err = open(a, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600); err = err < 0 ? -1 : close(err); break;
	case 2: err = rename(a, b); break;
	case 3: err = remove(a); break;
	case 4: err = stat(a, &st); break;
	}
	say("%s %s: %d", a, b, err < 0 ? errno : 0);
}

static void reap(pid_t *kids, int *n, int flags)
{
	int status = 0;
	pid_t pid;
	do
		pid = waitpid(-1, &status, flags);
	while (pid < 0 && errno == EINTR);
	for (int i = 0; pid > 0 && i < *n; i++)
		if (kids[i] == pid) {
			say("reaps child %d, pid %d, status %x", i, pid, status);
			kids[i] = 0;
		}
	if (pid < 0)
		*n = 0;
}

static void grow(int depth);

static void act(int depth, pid_t *kids, int *n)
{
	char text[80];
	struct timespec ts;
	struct stat st;
	unsigned char byte;
	switch (below(12)) {
	case 0:
	case 1:
		if (depth == DEPTH || *n == KIDS)
			break;
		{
			uint64_t seed = state * 2654435761u + *n + 1;
			pid_t pid = fork();
			if (pid == 0) {
				state = seed;
				snprintf(path + strlen(path), sizeof path - strlen(path), ".%d", *n);
				grow(depth + 1);
			}
			kids[(*n)++] = pid;
			say("has child %d", pid);
		}
		break;
	case 2:
	case 3:
		exchange();
		break;
	case 4:
		snprintf(text, sizeof text, "%s logs %u\n", path, below(100));
		CHECK(write(log_fd, text, strlen(text)) == (ssize_t)strlen(text));
		break;
	case 5:
		while (flock(lock, LOCK_EX) < 0)
			if (errno != EINTR)
				FAIL("interrupted");
		count();
		CHECK(flock(lock, LOCK_UN) == 0);
		break;
	case 6:
		if (*n > 0)
			reap(kids, n, below(2) ? WNOHANG : 0);
		break;
	case 7:
		ts = (struct timespec){.tv_nsec = below(5000000)};
		while (nanosleep(&ts, &ts) < 0)
			if (errno != EINTR)
				FAIL("interrupted");
		break;
	case 8:
		for (int i = below(KIDS); i < *n; i++)
			if (kids[i] > 0) {
				say("kills child %d: %d", i, kill(kids[i], below(4) ? SIGTERM : SIGKILL));
				break;
			}
		break;
	case 9:
		CHECK(fstat(log_fd, &st) == 0);
		say("sees a log of %jd bytes and %d signals", (intmax_t)st.st_size, (int)terms);
		break;
	case 10:
		rename_things();
		break;
	case 11:
		clock_gettime(CLOCK_REALTIME, &ts);
		CHECK(getrandom(&byte, 1, 0) == 1);
		say("at %jd.%09ld draws %d", (intmax_t)ts.tv_sec, ts.tv_nsec, byte);
		break;
	}
}

static void grow(int depth)
{
	pid_t kids[KIDS] = {0};
	int n = 0;
	/* A description of one's own: flock(2) is by description, and a parent that is killed while it has the lock
	   must not leave it to its children. */
	CHECK(close(lock) == 0 && (lock = open("lock", O_RDWR)) >= 0);
	for (unsigned acts = 4 + below(14); acts > 0; acts--)
		act(depth, kids, &n);
	while (n > 0)
		reap(kids, &n, 0);
	_exit(below(5));
}

int main(void)
{
	struct sigaction sa = {.sa_handler = on_term, .sa_flags = SA_RESTART};
	CHECK(sigaction(SIGTERM, &sa, NULL) == 0);
	CHECK((counter = open("counter", O_CREAT | O_RDWR, 0600)) >= 0);
	CHECK((log_fd = open("log", O_CREAT | O_WRONLY | O_APPEND, 0600)) >= 0);
	CHECK((lock = open("lock", O_CREAT | O_WRONLY, 0600)) >= 0);
	for (int i = 0; i < PIPES; i++)
		CHECK(pipe2(pipes[i], O_NONBLOCK) == 0);
	for (int tree = 1; tree <= TREES; tree++) {
		fflush(stdout);
		pid_t pid = fork();
		if (pid == 0) {
			state = tree * 0x9e3779b97f4a7c15;
			snprintf(path, sizeof path, "%d", tree);
			grow(0);
		}
		int status;
		CHECK(waitpid(pid, &status, 0) == pid);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) < 5);
	}
	return 0;
}
