// laplace: same
// timer_create: what its signal carries, the default, SIGEV_NONE, what is left and was set, deletion, bad arguments.
#include "check.h"
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>

static volatile sig_atomic_t runs, code, overrun, id;
static void *volatile value;

static void handler(int sig, siginfo_t *info, void *context)
{
	runs++;
	code = info->si_code;
	overrun = info->si_overrun;
	id = info->si_timerid;
	value = info->si_value.sival_ptr;
}

static void once(timer_t t, long nsec)
{
	struct itimerspec s = {.it_value = {0, nsec}};
	CHECK(timer_settime(t, 0, &s, NULL) == 0);
}

int main(void)
{
	struct sigaction act = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
	struct itimerspec s, was, off = {{0, 0}, {0, 0}};
	struct timespec d = {0, 60000000};
	timer_t a, b, c;
	int raw;
	CHECK(sigaction(SIGUSR1, &act, NULL) == 0 && sigaction(SIGALRM, &act, NULL) == 0 && sigaction(SIGRTMIN + 3, &act, NULL) == 0);

	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_ptr = (void *)&value};
	CHECK(timer_create(CLOCK_MONOTONIC, &ev, &a) == 0);
	CHECK(timer_gettime(a, &s) == 0 && s.it_value.tv_sec == 0 && s.it_value.tv_nsec == 0);
	once(a, 150000000);
	CHECK(timer_gettime(a, &s) == 0 && s.it_value.tv_sec == 0 && s.it_value.tv_nsec > 0 && s.it_value.tv_nsec <= 150000000);
	CHECK(runs == 0);
	CHECK_ERR(nanosleep(&(struct timespec){20, 0}, NULL), EINTR);
	CHECK(runs == 1 && code == SI_TIMER && overrun == 0 && value == &value);
	CHECK(timer_getoverrun(a) == 0);
	CHECK(timer_gettime(a, &s) == 0 && s.it_value.tv_sec == 0 && s.it_value.tv_nsec == 0);
	CHECK(nanosleep(&d, NULL) == 0 && runs == 1);

	CHECK(timer_create(CLOCK_REALTIME, NULL, &b) == 0); // SIGALRM
	CHECK(syscall(SYS_timer_create, CLOCK_REALTIME, NULL, &raw) == 0); // with its id
	s = (struct itimerspec){{0, 0}, {0, 80000000}};
	CHECK(syscall(SYS_timer_settime, raw, 0, &s, NULL) == 0);
	CHECK_ERR(nanosleep(&(struct timespec){20, 0}, NULL), EINTR);
	CHECK(runs == 2 && code == SI_TIMER);
	CHECK(id == raw && (int)(long)value == raw);

	ev = (struct sigevent){.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 3, .sigev_value.sival_int = 77};
	CHECK(timer_create(CLOCK_BOOTTIME, &ev, &c) == 0);
	s = (struct itimerspec){{5, 6}, {100, 7}};
	CHECK(timer_settime(c, 0, &s, &was) == 0 && was.it_value.tv_sec == 0 && was.it_interval.tv_sec == 0);
	CHECK(timer_settime(c, 0, &off, &was) == 0);
	CHECK(was.it_interval.tv_sec == 5 && was.it_interval.tv_nsec == 6 && was.it_value.tv_sec >= 90 && was.it_value.tv_sec <= 100);
	CHECK(timer_gettime(c, &s) == 0 && s.it_value.tv_sec == 0 && s.it_value.tv_nsec == 0);
	once(c, 1);
	while (runs < 3)
		getppid();
	CHECK((int)(long)value == 77);
	CHECK(timer_delete(c) == 0);
	CHECK_ERR(timer_delete(c), EINVAL);
	CHECK_ERR(timer_gettime(c, &s), EINVAL);
	CHECK_ERR(timer_getoverrun(c), EINVAL);
	CHECK_ERR(timer_settime(c, 0, &off, NULL), EINVAL);

	ev = (struct sigevent){.sigev_notify = SIGEV_NONE};
	CHECK(timer_create(CLOCK_MONOTONIC, &ev, &c) == 0);
	once(c, 10000000);
	CHECK(nanosleep(&d, NULL) == 0 && runs == 3);
	CHECK(timer_gettime(c, &s) == 0 && s.it_value.tv_sec == 0 && s.it_value.tv_nsec == 0);
	s = (struct itimerspec){{0, 500000000}, {0, 10000000}};
	CHECK(timer_settime(c, 0, &s, NULL) == 0 && nanosleep(&d, NULL) == 0);
	CHECK(timer_gettime(c, &s) == 0 && s.it_value.tv_sec == 0 && s.it_value.tv_nsec > 1 && s.it_interval.tv_nsec == 500000000);

	// One that is deleted in time does nothing.
	once(a, 300000000);
	CHECK(timer_delete(a) == 0);
	CHECK(nanosleep(&(struct timespec){0, 400000000}, NULL) == 0 && runs == 3);

	ev = (struct sigevent){.sigev_notify = SIGEV_SIGNAL, .sigev_signo = 65};
	CHECK_ERR(syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, &raw), EINVAL);
	ev = (struct sigevent){.sigev_notify = 77, .sigev_signo = SIGUSR1};
	CHECK_ERR(syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, &raw), EINVAL);
	ev = (struct sigevent){.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1};
	CHECK_ERR(syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, &raw), EINVAL);
	CHECK_ERR(syscall(SYS_timer_create, 99, NULL, &raw), EINVAL);
	CHECK_ERR(syscall(SYS_timer_create, CLOCK_MONOTONIC_RAW, NULL, &raw), EOPNOTSUPP);
	CHECK_ERR(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, (void *)8), EFAULT);
	CHECK_ERR(timer_settime(b, 0, &(struct itimerspec){{0, 0}, {0, 1000000000}}, NULL), EINVAL);
	CHECK_ERR(timer_settime(b, 0, &(struct itimerspec){{0, 0}, {-1, 0}}, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_timer_settime, b, 0, NULL, NULL), EINVAL);
	printf("%d signals\n", (int)runs);
	return 0;
}
