// laplace: same
// Blocking calls that a signal interrupts: EINTR without SA_RESTART; with it, the read goes on and gets its data.
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

static volatile sig_atomic_t runs;
static void handler(int sig) { runs++; }

static int data[2], full[2], held;

static void do_read(void)
{
	char c;
	CHECK_ERR(read(data[0], &c, 1), EINTR);
}
static void do_write(void)
{
	static char buf[4096];
	CHECK_ERR(write(full[1], buf, sizeof buf), EINTR);
}
static void do_open(void) { CHECK_ERR(open("fifo", O_RDONLY), EINTR); }
static void do_flock(void) { CHECK_ERR(flock(held, LOCK_EX), EINTR); }
static void do_setlkw(void)
{
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	CHECK_ERR(fcntl(held, F_SETLKW, &l), EINTR);
}
static void do_nanosleep(void)
{
	struct timespec ts = {1000, 0}, rem = {0, 0};
	CHECK_ERR(nanosleep(&ts, &rem), EINTR);
	CHECK(rem.tv_sec >= 900 && rem.tv_sec <= 1000);
}
static void do_clock_nanosleep(void)
{
	struct timespec ts = {1000, 0}, rem = {0, 0};
	CHECK(clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, &rem) == EINTR);
	CHECK(rem.tv_sec >= 900 && rem.tv_sec <= 1000);
}
static void do_poll(void)
{
	struct pollfd p = {.fd = data[0], .events = POLLIN};
	CHECK_ERR(poll(&p, 1, -1), EINTR);
}
static void do_select(void)
{
	fd_set r;
	FD_ZERO(&r);
	FD_SET(data[0], &r);
	CHECK_ERR(select(data[0] + 1, &r, NULL, NULL, NULL), EINTR);
}

/* nag starts a child that signals its parent again and again until it is told to stop. */
static pid_t nag(int *stop)
{
	pid_t self = getpid();
	CHECK(pipe(stop) == 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		struct pollfd p = {.fd = stop[0], .events = POLLIN};
		do
			kill(self, SIGUSR1);
		while (poll(&p, 1, 5) == 0 && getppid() == self);
		_exit(0);
	}
	return pid;
}

static void quiet(pid_t pid, int *stop)
{
	while (write(stop[1], "x", 1) != 1)
		;
	int s;
	while (waitpid(pid, &s, 0) != pid)
		;
	close(stop[0]);
	close(stop[1]);
}

int main(void)
{
	setlinebuf(stdout);
	static char fill[65536];
	CHECK(pipe(data) == 0 && pipe(full) == 0 && write(full[1], fill, sizeof fill) == sizeof fill);
	CHECK(mkfifo("fifo", 0600) == 0);

	/* A child holds both kinds of lock on the file. */
	int gate[2], ready[2];
	char c;
	CHECK(pipe(gate) == 0 && pipe(ready) == 0);
	pid_t holder = fork();
	CHECK(holder >= 0);
	if (holder == 0) {
		close(gate[1]);
		struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
		int fd = open("locked", O_RDWR | O_CREAT, 0644);
		CHECK(fd >= 0 && flock(fd, LOCK_EX) == 0 && fcntl(fd, F_SETLK, &l) == 0);
		CHECK(write(ready[1], "r", 1) == 1);
		_exit(read(gate[0], &c, 1));
	}
	CHECK(read(ready[0], &c, 1) == 1);
	held = open("locked", O_RDWR);
	CHECK(held >= 0);

	struct {
		const char *name;
		void (*f)(void);
	} calls[] = {{"read", do_read}, {"write", do_write}, {"open", do_open}, {"flock", do_flock}, {"F_SETLKW", do_setlkw}, {"nanosleep", do_nanosleep}, {"clock_nanosleep", do_clock_nanosleep}, {"poll", do_poll}, {"select", do_select}};
	struct sigaction sa = {.sa_handler = handler};
	CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
	for (unsigned i = 0; i < sizeof calls / sizeof *calls; i++) {
		int stop[2];
		runs = 0;
		pid_t pid = nag(stop);
		calls[i].f();
		quiet(pid, stop);
		CHECK(runs > 0);
		printf("%s: EINTR\n", calls[i].name);
	}

	/* SA_RESTART: poll and the sleeps are interrupted all the same, the others go on. */
	sa.sa_flags = SA_RESTART;
	CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
	for (unsigned i = 5; i < sizeof calls / sizeof *calls; i++) {
		int stop[2];
		runs = 0;
		pid_t pid = nag(stop);
		calls[i].f();
		quiet(pid, stop);
		printf("%s with SA_RESTART: EINTR\n", calls[i].name);
	}
	pid_t self = getpid(), pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		for (int i = 0; i < 3; i++) {
			kill(self, SIGUSR1);
			usleep(2000);
		}
		CHECK(write(data[1], "data", 4) == 4);
		_exit(0);
	}
	char buf[8];
	CHECK(read(data[0], buf, 8) == 4);
	printf("read with SA_RESTART: %.4s\n", buf);
	int s;
	CHECK(waitpid(pid, &s, 0) == pid && s == 0);

	/* An ignored signal interrupts nothing. */
	CHECK(signal(SIGUSR1, SIG_IGN) != SIG_ERR);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		for (int i = 0; i < 3; i++) {
			kill(self, SIGUSR1);
			usleep(2000);
		}
		CHECK(write(data[1], "more", 4) == 4);
		_exit(0);
	}
	CHECK(read(data[0], buf, 8) == 4);
	printf("ignored: %.4s\n", buf);
	CHECK(waitpid(pid, &s, 0) == pid && s == 0);
	close(gate[1]);
	CHECK(waitpid(holder, &s, 0) == holder && s == 0);
	return 0;
}
