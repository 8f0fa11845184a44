// laplace: pinned

// A signal that interrupts a wait: what is left of the timeout is told as of then,
// and a wait that goes on after a stop ends when it would have ended anyway.

#include "check.h"

#include <poll.h>
#include <signal.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

static volatile sig_atomic_t got;

static void handler(int sig) {
	(void)sig;
	got++;
}

static double now(void) {
	struct timespec ts;
	CHECK(clock_gettime(CLOCK_MONOTONIC, &ts) == 0);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void rest(long ms) {
	struct timespec ts = {ms / 1000, ms % 1000 * 1000000};
	CHECK(nanosleep(&ts, NULL) == 0);
}

// left checks and prints what is left of 0.3 s, when 0.1 s have passed.
static void left(const char *what, long sec, long nsec) {
	CHECK(got == 1);
	CHECK(sec == 0 && nsec >= 0 && nsec <= (boxed() ? 201000000 : 300000000));
	printf("%s: %ld left\n", what, nsec);
}

// interrupted has a child send a signal after 0.1 s.
static pid_t interrupted(void) {
	pid_t parent = getpid(), child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		rest(100);
		CHECK(kill(parent, SIGUSR1) == 0);
		_exit(0);
	}
	got = 0;
	return child;
}

int main(void) {
	struct sigaction sa = {.sa_handler = handler};
	CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
	unsigned long none = 0;
	struct {
		unsigned long *mask;
		size_t size;
	} masked = {&none, 8}, unmasked = {NULL, 8};

	struct timespec ts;
	for (int m = 0; m < 2; m++) {
		ts = (struct timespec){0, 300000000};
		pid_t child = interrupted();
		CHECK_ERR(syscall(SYS_ppoll, NULL, 0, &ts, m ? &none : NULL, 8), EINTR);
		left(m ? "ppoll with a mask" : "ppoll", ts.tv_sec, ts.tv_nsec);
		CHECK(waitpid(child, NULL, 0) == child);

		ts = (struct timespec){0, 300000000};
		child = interrupted();
		CHECK_ERR(syscall(SYS_pselect6, 0, NULL, NULL, NULL, &ts, m ? &masked : &unmasked), EINTR);
		left(m ? "pselect with a mask" : "pselect", ts.tv_sec, ts.tv_nsec);
		CHECK(waitpid(child, NULL, 0) == child);
	}
	struct timeval tv = {0, 300000};
	pid_t child = interrupted();
	CHECK_ERR(syscall(SYS_select, 0, NULL, NULL, NULL, &tv), EINTR);
	left("select", tv.tv_sec, tv.tv_usec * 1000);
	CHECK(waitpid(child, NULL, 0) == child);

	// Stopped after 30 ms of 100, and continued 30 ms later.
	for (int i = 0; i < 5; i++) {
		child = fork();
		CHECK(child >= 0);
		if (child == 0) {
			double start = now();
			ts = (struct timespec){0, 100000000};
			tv = (struct timeval){0, 100000};
			switch (i) {
			case 0: CHECK(nanosleep(&ts, NULL) == 0); break;
			case 1: CHECK(clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL) == 0); break;
			case 2: CHECK(poll(NULL, 0, 100) == 0); break;
			case 3: CHECK(ppoll(NULL, 0, &ts, NULL) == 0); break;
			case 4: CHECK(select(0, NULL, NULL, NULL, &tv) == 0); break;
			}
			double took = now() - start;
			if (took < 0.099 || (boxed() && took > 0.12))
				FAIL("wait %d took %f", i, took);
			_exit(0);
		}
		rest(30);
		int status;
		CHECK(kill(child, SIGSTOP) == 0);
		CHECK(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
		rest(30);
		CHECK(kill(child, SIGCONT) == 0);
		CHECK(waitpid(child, &status, 0) == child);
		if (status != 0)
			return 1;
	}
	return 0;
}
