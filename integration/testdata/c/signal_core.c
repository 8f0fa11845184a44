// laplace: pinned
// No core is dumped, whatever the limit says: neither a file nor a status tells of one.
#include "check.h"
#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

int main(void)
{
	struct rlimit l;
	CHECK(getrlimit(RLIMIT_CORE, &l) == 0);
	l.rlim_cur = boxed() ? l.rlim_max : 0;
	CHECK(setrlimit(RLIMIT_CORE, &l) == 0);
	int signals[] = {SIGABRT, SIGSEGV, SIGQUIT, SIGILL, SIGFPE, SIGBUS, SIGTRAP, SIGSYS, SIGXCPU};
	for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) {
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			if (signals[i] == SIGABRT)
				abort();
			raise(signals[i]);
			_exit(1);
		}
		siginfo_t info;
		int s;
		CHECK(waitid(P_PID, pid, &info, WEXITED | WNOWAIT) == 0);
		CHECK(info.si_code == CLD_KILLED && info.si_status == signals[i]);
		CHECK(waitpid(pid, &s, 0) == pid);
		CHECK(WIFSIGNALED(s) && WTERMSIG(s) == signals[i] && !WCOREDUMP(s));
	}
	DIR *d = opendir(".");
	CHECK(d);
	for (struct dirent *e; (e = readdir(d));)
		if (strncmp(e->d_name, "core", 4) == 0)
			FAIL("there is %s", e->d_name);
	puts("no core");
	return 0;
}
