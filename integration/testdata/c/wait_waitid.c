// laplace: same
// waitid: P_PID, P_PGID, P_ALL, WNOWAIT, WNOHANG, and what siginfo says of exits, deaths, stops and continues.
#include "check.h"
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static const char *code_name(int c)
{
	static const char *names[] = {"none", "CLD_EXITED", "CLD_KILLED", "CLD_DUMPED", "CLD_TRAPPED", "CLD_STOPPED", "CLD_CONTINUED"};
	return c >= 0 && c <= 6 ? names[c] : "?";
}

static void show(const char *what, const siginfo_t *si, pid_t pid)
{
	CHECK(si->si_pid == pid && si->si_signo == SIGCHLD && si->si_errno == 0 && si->si_uid == getuid());
	printf("%s: %s %d\n", what, code_name(si->si_code == CLD_DUMPED ? CLD_KILLED : si->si_code), si->si_status);
}

static pid_t start(int code, int sig)
{
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		struct rlimit none = {0, 0};
		setrlimit(RLIMIT_CORE, &none);
		if (sig)
			kill(getpid(), sig);
		_exit(code);
	}
	return pid;
}

int main(void)
{
	setlinebuf(stdout);
	siginfo_t si;
	memset(&si, 0, sizeof si);

	CHECK_ERR(waitid(P_ALL, 0, &si, WEXITED), ECHILD);
	CHECK_ERR(waitid(P_ALL, 0, &si, WNOHANG), EINVAL);  /* waits for nothing */
	CHECK_ERR(waitid(P_ALL, 0, &si, WEXITED | 0x10000), EINVAL);
	CHECK_ERR(waitid(99, 0, &si, WEXITED), EINVAL);
	CHECK_ERR(waitid(P_PID, 0, &si, WEXITED), EINVAL);
	CHECK_ERR(waitid(P_PGID, -1, &si, WEXITED), EINVAL);
	printf("errors as documented\n");

	pid_t pid = start(7, 0);
	CHECK(waitid(P_PID, pid, &si, WEXITED) == 0);
	show("exit", &si, pid);
	pid = start(0x1ff, 0);
	CHECK(waitid(P_ALL, 0, &si, WEXITED) == 0);
	show("exit, high bits", &si, pid);
	pid = start(0, SIGTERM);
	CHECK(waitid(P_ALL, 0, &si, WEXITED) == 0);
	show("SIGTERM", &si, pid);
	pid = start(0, SIGSEGV);
	CHECK(waitid(P_ALL, 0, &si, WEXITED) == 0);
	show("SIGSEGV", &si, pid);

	/* WNOWAIT leaves the zombie: ask as often as you like. */
	pid = start(9, 0);
	for (int i = 0; i < 3; i++) {
		CHECK(waitid(i ? P_ALL : P_PID, i ? 0 : pid, &si, WEXITED | WNOWAIT) == 0);
		show("WNOWAIT", &si, pid);
	}
	CHECK(waitid(P_PGID, getpgrp(), &si, WEXITED | WNOWAIT) == 0);
	show("own group", &si, pid);
	CHECK(waitid(P_PGID, 0, &si, WEXITED) == 0); /* 0: the caller's group, since Linux 5.4 */
	show("group 0", &si, pid);
	CHECK_ERR(waitid(P_PID, pid, &si, WEXITED), ECHILD);

	/* A group of its own. */
	pid = start(10, 0);
	CHECK(waitid(P_PID, pid, &si, WEXITED | WNOWAIT) == 0);
	CHECK_ERR(waitid(P_PGID, pid, &si, WEXITED), ECHILD);
	CHECK(waitid(P_PID, pid, &si, WEXITED) == 0);

	/* WNOHANG with nothing to tell clears pid and signo, and succeeds. */
	int gate[2];
	CHECK(pipe(gate) == 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		char c;
		setpgid(0, 0);
		raise(SIGSTOP);
		_exit(read(gate[0], &c, 1) == 1 ? 12 : 255);
	}
	CHECK(waitid(P_PID, pid, &si, WSTOPPED | WEXITED | WNOWAIT) == 0);
	show("stopped, WNOWAIT", &si, pid);
	CHECK(waitid(P_PGID, pid, &si, WSTOPPED) == 0);
	show("stopped", &si, pid);
	si.si_pid = si.si_signo = 77;
	CHECK(waitid(P_ALL, 0, &si, WSTOPPED | WEXITED | WCONTINUED | WNOHANG) == 0);
	printf("WNOHANG: pid %d, signo %d\n", si.si_pid, si.si_signo);
	CHECK(kill(pid, SIGCONT) == 0);
	CHECK(waitid(P_PID, pid, &si, WCONTINUED) == 0);
	show("continued", &si, pid);
	si.si_pid = 77;
	CHECK(waitid(P_PID, pid, &si, WCONTINUED | WNOHANG) == 0 && si.si_pid == 0);
	CHECK(write(gate[1], "x", 1) == 1);
	CHECK(waitid(P_PGID, pid, &si, WEXITED | WSTOPPED | WCONTINUED) == 0);
	show("exited", &si, pid);

	/* Raw: no siginfo wanted, and a rusage. */
	struct rusage ru;
	memset(&ru, 0xff, sizeof ru);
	pid = start(13, 0);
	CHECK(syscall(SYS_waitid, P_PID, pid, NULL, WEXITED, &ru) == 0);
	CHECK(ru.ru_nswap == 0 && ru.ru_msgsnd == 0);
	CHECK_ERR(waitid(P_ALL, 0, &si, WEXITED), ECHILD);
	printf("done\n");
	return 0;
}
