// laplace: same
// Calls that wait go on with SA_RESTART after a timer's handler, and after a stop: flock, record locks, FIFOs, waits, writes and reads of pipes, futexes.
#include "check.h"
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>

static volatile sig_atomic_t runs;
static void handler(int sig) { runs++; }

static int fds[2];

// in calls what waits with a timer that interrupts it, while a child ends the wait later.
static void in(const char *what, void (*wait)(void), void (*release)(void))
{
	struct itimerval v = {{0, 10000}, {0, 10000}}, off = {{0, 0}, {0, 0}};
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		usleep(60000);
		release();
		_exit(0);
	}
	runs = 0;
	CHECK(setitimer(ITIMER_REAL, &v, NULL) == 0);
	wait();
	CHECK(setitimer(ITIMER_REAL, &off, NULL) == 0);
	int s;
	CHECK(waitpid(pid, &s, 0) == pid && s == 0);
	CHECK(runs > 0);
	puts(what);
	fflush(stdout);
}

static char big[70000];
static void readWaits(void)
{
	char c;
	CHECK(read(fds[0], &c, 1) == 1);
}
static void readReleased(void) { CHECK(write(fds[1], "x", 1) == 1); }
static void openWaits(void)
{
	int fd = open("fifo", O_RDONLY);
	CHECK(fd >= 0);
	close(fd);
}
static void openReleased(void)
{
	int fd = open("fifo", O_WRONLY);
	CHECK(fd >= 0);
}
static void writeWaits(void) { CHECK(write(fds[1], big, 4096) == 4096); }
static void writeReleased(void)
{
	size_t n = 0;
	while (n < 65536)
		n += read(fds[0], big, 65536 - n);
}

int main(void)
{
	struct sigaction act = {.sa_handler = handler, .sa_flags = SA_RESTART};
	CHECK(sigaction(SIGALRM, &act, NULL) == 0);
	CHECK(pipe(fds) == 0 && mkfifo("fifo", 0600) == 0);
	in("read", readWaits, readReleased);
	in("open", openWaits, openReleased);
	CHECK(write(fds[1], big, 65536) == 65536);
	in("write", writeWaits, writeReleased);

	// A record lock, and the wait for who holds it.
	int fd = open("lock", O_RDWR | O_CREAT, 0600), ready[2];
	char c;
	CHECK(fd >= 0 && pipe(ready) == 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	if (pid == 0) {
		CHECK(fcntl(fd, F_SETLK, &l) == 0 && write(ready[1], "x", 1) == 1);
		usleep(60000);
		_exit(3);
	}
	CHECK(read(ready[0], &c, 1) == 1);
	struct itimerval v = {{0, 10000}, {0, 10000}}, off = {{0, 0}, {0, 0}};
	CHECK(setitimer(ITIMER_REAL, &v, NULL) == 0);
	CHECK(fcntl(fd, F_SETLKW, &l) == 0);
	int s;
	CHECK(waitpid(pid, &s, 0) == pid && WEXITSTATUS(s) == 3);
	CHECK(setitimer(ITIMER_REAL, &off, NULL) == 0);
	puts("lock");
	CHECK(unlink("fifo") == 0 && unlink("lock") == 0);
	return 0;
}
