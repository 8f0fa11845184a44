// laplace: same
// A daemon: double fork, setsid, another directory, no standard streams. It serves its client through FIFOs, writes a
// pid file, and ends by SIGTERM.
#include "check.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

static volatile sig_atomic_t stop;
static void on_term(int sig) { stop = 1; }

static void daemon_main(int lifeline)
{
	CHECK(setsid() == getpid());
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid)
		_exit(0);
	CHECK(getsid(0) != getpid() && getpgrp() == getsid(0)); /* never a session leader again */
	CHECK(chdir("run") == 0);
	umask(0);
	struct sigaction sa = {.sa_handler = on_term};
	CHECK(sigaction(SIGTERM, &sa, NULL) == 0);
	int null = open("/dev/null", O_RDWR);
	CHECK(null >= 0);
	for (int fd = 0; fd < 3; fd++)
		CHECK(dup2(null, fd) == fd);
	FILE *f = fopen("pid", "w");
	CHECK(f != NULL);
	fprintf(f, "%d\n", getpid());
	CHECK(fclose(f) == 0);

	int requests = 0;
	char line[64];
	while (!stop) {
		int in = open("request", O_RDONLY);
		if (in < 0)
			break; /* SIGTERM */
		ssize_t n = read(in, line, sizeof line);
		close(in);
		if (n <= 0)
			continue;
		requests++;
		int out = open("answer", O_WRONLY);
		CHECK(out >= 0);
		dprintf(out, "%d: %.*s", requests, (int)n, line);
		close(out);
	}
	unlink("pid");
	f = fopen("log", "w");
	fprintf(f, "served %d\n", requests);
	fclose(f);
	close(lifeline);
	_exit(0);
}

int main(void)
{
	setlinebuf(stdout);
	int lifeline[2], s;
	CHECK(mkdir("run", 0755) == 0 && mkfifo("run/request", 0600) == 0 && mkfifo("run/answer", 0600) == 0);
	CHECK(pipe(lifeline) == 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		close(lifeline[0]);
		daemon_main(lifeline[1]);
	}
	close(lifeline[1]);
	CHECK(waitpid(pid, &s, 0) == pid && s == 0);

	for (int i = 0; i < 3; i++) {
		int out = open("run/request", O_WRONLY);
		CHECK(out >= 0 && dprintf(out, "request %c\n", 'a' + i) == 10);
		close(out);
		int in = open("run/answer", O_RDONLY);
		char line[64];
		CHECK(in >= 0);
		ssize_t n = read(in, line, sizeof line);
		CHECK(n > 0);
		printf("%.*s", (int)n, line);
		close(in);
	}
	FILE *f = fopen("run/pid", "r");
	int daemon_pid;
	CHECK(f && fscanf(f, "%d", &daemon_pid) == 1);
	fclose(f);
	CHECK(getsid(daemon_pid) != getsid(0));
	/* Until it has taken the signal in its blocking open. */
	char c;
	CHECK(fcntl(lifeline[0], F_SETFL, O_NONBLOCK) == 0);
	while (read(lifeline[0], &c, 1) < 0) {
		kill(daemon_pid, SIGTERM);
		usleep(2000);
	}
	f = fopen("run/log", "r");
	char line[64];
	CHECK(f && fgets(line, sizeof line, f));
	printf("%s", line);
	CHECK_ERR(access("run/pid", F_OK), ENOENT);
	return 0;
}
