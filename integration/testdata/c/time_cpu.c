// laplace: pinned
// CPU times never go back and depend on nothing but what the program did.
#include "check.h"
#include <sys/resource.h>
#include <sys/times.h>
#include <sys/wait.h>
#include <time.h>

static int64_t us(struct timeval t) { return t.tv_sec * 1000000LL + t.tv_usec; }

static void show(const char *what, const struct rusage *r)
{
	printf("%s utime %ld stime %ld maxrss %ld ixrss %ld idrss %ld isrss %ld minflt %ld majflt %ld nswap %ld "
	       "inblock %ld oublock %ld msgsnd %ld msgrcv %ld nsignals %ld nvcsw %ld nivcsw %ld\n",
	       what, us(r->ru_utime), us(r->ru_stime), r->ru_maxrss, r->ru_ixrss, r->ru_idrss, r->ru_isrss, r->ru_minflt,
	       r->ru_majflt, r->ru_nswap, r->ru_inblock, r->ru_oublock, r->ru_msgsnd, r->ru_msgrcv, r->ru_nsignals,
	       r->ru_nvcsw, r->ru_nivcsw);
}

static volatile unsigned long sink;

static void work(void)
{
	/* Computing, memory and calls: natively each moves some of the counters by an unpredictable amount. */
	for (unsigned long i = 0; i < 3000000; i++)
		sink = sink * 31 + i;
	char *p = malloc(4 << 20);
	memset(p, 1, 4 << 20);
	free(p);
	for (int i = 0; i < 100; i++)
		(void)!access(".", R_OK);
}

int main(void)
{
	struct rusage a, b, t, kids;
	struct tms s, e;
	CHECK(getrusage(RUSAGE_SELF, &a) == 0);
	clock_t start = times(&s), c = clock();
	CHECK(start != -1 && c != -1);
	work();
	CHECK(getrusage(RUSAGE_SELF, &b) == 0);
	CHECK(getrusage(RUSAGE_THREAD, &t) == 0);
	CHECK(us(a.ru_utime) <= us(b.ru_utime) && us(a.ru_stime) <= us(b.ru_stime) && a.ru_maxrss <= b.ru_maxrss);
	show("self", &a);
	show("self", &b);
	show("thread", &t);
	clock_t end = times(&e);
	CHECK(end >= start && e.tms_utime >= s.tms_utime && e.tms_stime >= s.tms_stime);
	CHECK(clock() >= c);
	printf("times %ld %ld %ld, clock %ld %ld\n", end, e.tms_utime, e.tms_stime, c, clock());
	CHECK(s.tms_cutime == 0 && s.tms_cstime == 0);

	CHECK(getrusage(RUSAGE_CHILDREN, &kids) == 0);
	CHECK(us(kids.ru_utime) == 0 && kids.ru_maxrss == 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		struct rusage own;
		struct timespec cpu;
		if (getrusage(RUSAGE_CHILDREN, &own) != 0 || us(own.ru_utime) != 0)
			_exit(1);
		work();
		if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu) != 0)
			_exit(1);
		_exit(0);
	}
	int status;
	struct rusage waited;
	CHECK(wait4(pid, &status, 0, &waited) == pid && status == 0);
	show("waited", &waited);
	CHECK(getrusage(RUSAGE_CHILDREN, &kids) == 0);
	show("children", &kids);
	CHECK(us(kids.ru_utime) == us(waited.ru_utime) && us(kids.ru_stime) == us(waited.ru_stime));
	times(&e);
	printf("children %ld %ld\n", e.tms_cutime, e.tms_cstime);
	CHECK_ERR(getrusage(5, &a), EINVAL);
	/* A call with an address that cannot be read or written ends in EFAULT, not in the end of the box. */
	CHECK_ERR(getrusage(RUSAGE_SELF, (void *)8), EFAULT);
	return 0;
}
