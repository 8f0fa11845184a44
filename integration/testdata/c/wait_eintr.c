// laplace: same
// A handler that runs while its process waits: EINTR without SA_RESTART, and the wait goes on with it.
#include "check.h"
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

static volatile sig_atomic_t runs;
static void handler(int sig) { runs++; }

int main(void)
{
	setlinebuf(stdout);
	pid_t self = getpid();
	for (int restart = 0; restart < 2; restart++) {
		struct sigaction sa = {.sa_handler = handler, .sa_flags = restart ? SA_RESTART : 0};
		CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
		int stop[2];
		CHECK(pipe(stop) == 0);
		runs = 0;
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			/* A signal that comes before the parent waits interrupts nothing: send more until told. */
			struct pollfd p = {.fd = stop[0], .events = POLLIN};
			if (restart)
				for (int i = 0; i < 5; i++) {
					CHECK(kill(self, SIGUSR1) == 0);
					usleep(2000);
				}
			else
				do
					CHECK(kill(self, SIGUSR1) == 0);
				while (poll(&p, 1, 5) == 0 && getppid() == self);
			_exit(7);
		}
		int status;
		errno = 0;
		pid_t got = waitpid(pid, &status, 0);
		if (restart) {
			CHECK(got == pid);
			printf("SA_RESTART: exited %d, handler ran %d\n", WEXITSTATUS(status), runs > 0);
			continue;
		}
		printf("plain: %d %s, handler ran %d\n", got, errname(errno), runs > 0);
		CHECK(write(stop[1], "x", 1) == 1);
		while ((got = waitpid(pid, &status, 0)) < 0 && errno == EINTR)
			;
		CHECK(got == pid);
		printf("then: exited %d\n", WEXITSTATUS(status));
	}
	return 0;
}
