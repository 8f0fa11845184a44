// laplace: pinned
// Resource usage of children is pinned: equal from run to run however long they really took.
#include "check.h"
#include <sys/resource.h>
#include <sys/times.h>
#include <sys/wait.h>

static void show(const char *what, const struct rusage *r)
{
	printf("%s: user %ld.%06ld system %ld.%06ld maxrss %ld faults %ld %ld blocks %ld %ld switches %ld %ld\n", what,
	       (long)r->ru_utime.tv_sec, (long)r->ru_utime.tv_usec, (long)r->ru_stime.tv_sec, (long)r->ru_stime.tv_usec,
	       r->ru_maxrss, r->ru_minflt, r->ru_majflt, r->ru_inblock, r->ru_oublock, r->ru_nvcsw, r->ru_nivcsw);
	CHECK(r->ru_utime.tv_usec >= 0 && r->ru_utime.tv_usec < 1000000);
	CHECK(r->ru_ixrss == 0 && r->ru_idrss == 0 && r->ru_isrss == 0 && r->ru_nswap == 0 && r->ru_nsignals == 0);
}

int main(void)
{
	setlinebuf(stdout);
	for (int n = 0; n < 3; n++) {
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			volatile unsigned long x = 0;
			for (long i = 0; i < n * 10000000L; i++)
				x += i;
			char *memory = malloc(n << 20);
			for (int i = 0; i < n << 20; i += 4096)
				((volatile char *)memory)[i] = 1;
			_exit(0);
		}
		struct rusage r;
		memset(&r, 0xee, sizeof r);
		CHECK(wait4(pid, NULL, 0, &r) == pid);
		show("wait4", &r);
	}
	/* With WNOHANG and nothing to tell, the structure is left alone. */
	int gate[2];
	CHECK(pipe(gate) == 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		char c;
		_exit(read(gate[0], &c, 1));
	}
	struct rusage r;
	memset(&r, 0, sizeof r);
	CHECK(wait4(pid, NULL, WNOHANG, &r) == 0);
	CHECK(write(gate[1], "x", 1) == 1);
	CHECK(wait4(pid, NULL, 0, NULL) == pid);

	CHECK(getrusage(RUSAGE_CHILDREN, &r) == 0);
	show("children", &r);
	CHECK(getrusage(RUSAGE_SELF, &r) == 0);
	show("self", &r);
	struct tms t;
	CHECK(times(&t) != (clock_t)-1);
	printf("times: %ld %ld %ld %ld\n", (long)t.tms_utime, (long)t.tms_stime, (long)t.tms_cutime, (long)t.tms_cstime);
	return 0;
}
