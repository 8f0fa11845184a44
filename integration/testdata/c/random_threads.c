// laplace: pinned cflags=-lrt
// Random programs: threads and processes that lock, wait, sleep, signal, poll and race as a seed has it. Natively each run
// logs another order; in a box it is a function of the seed. With an argument: of that seed alone, with its log.
#include "check.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 4, LOCKS = 3, STEPS = 40, LOG = 4096 };

struct event { int actor, step, op, result; };

// What the actors of all processes share.
struct shared {
	pthread_mutex_t lock[LOCKS];
	pthread_cond_t cond[LOCKS];
	sem_t sem;
	int racy;
	atomic_int n;
	struct event log[LOG];
};

static struct shared *all;
static int pipes[2], pair[2], counter, timer, epoll;
static pthread_t threads[MOST];
static int nthreads;
static __thread int me;

static void say(int step, int op, int result)
{
	int i = atomic_fetch_add(&all->n, 1);
	if (i < LOG)
		all->log[i] = (struct event){ me, step, op, result };
}

static void handler(int sig)
{
	say(-1, 100 + sig, 0);
}

static uint32_t roll(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 10;
}

static struct timespec in(clockid_t clock, long us)
{
	struct timespec t;
	clock_gettime(clock, &t);
	t.tv_nsec += us * 1000;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

static int errno_of(int ret)
{
	return ret < 0 ? -errno : ret;
}

static void act(uint32_t seed)
{
	uint32_t r = seed;
	for (int step = 0; step < STEPS; step++) {
		int op = roll(&r) % 18, k = roll(&r) % LOCKS, us = roll(&r) % 1500, result = 0;
		struct timespec until;
		char buf[64];
		switch (op) {
		case 0: // racy: read, go on, write
			result = all->racy;
			if (us & 1)
				sched_yield();
			all->racy = result + me + 1;
			break;
		case 1:
			pthread_mutex_lock(&all->lock[k]);
			if (us & 1)
				usleep(us / 4);
			all->racy++;
			pthread_mutex_unlock(&all->lock[k]);
			break;
		case 2:
			until = in(CLOCK_REALTIME, us);
			pthread_mutex_lock(&all->lock[k]);
			result = pthread_cond_timedwait(&all->cond[k], &all->lock[k], &until);
			pthread_mutex_unlock(&all->lock[k]);
			break;
		case 3:
			pthread_cond_broadcast(&all->cond[k]);
			break;
		case 4:
			sem_post(&all->sem);
			break;
		case 5:
			until = in(CLOCK_REALTIME, us);
			result = errno_of(sem_timedwait(&all->sem, &until));
			break;
		case 6:
			usleep(us);
			break;
		case 7:
			sched_yield();
			break;
		case 8:
			if (nthreads > 0)
				pthread_kill(threads[us % nthreads], SIGUSR1);
			break;
		case 9:
			result = errno_of(write(pipes[1], buf, 1 + us % 40));
			break;
		case 10: {
			struct pollfd p[3] = { { pipes[0], POLLIN, 0 }, { pair[0], POLLIN, 0 }, { counter, POLLIN, 0 } };
			result = errno_of(poll(p, 3, us / 200)) * 10 + !!p[0].revents + 2 * !!p[1].revents + 4 * !!p[2].revents;
			break;
		}
		case 11:
			result = errno_of(read(pipes[0], buf, 1 + us % 60));
			break;
		case 12:
			result = errno_of(send(pair[1], buf, 1 + us % 50, MSG_DONTWAIT));
			break;
		case 13:
			result = errno_of(recv(pair[0], buf, sizeof buf, MSG_DONTWAIT));
			break;
		case 14: {
			struct itimerspec t = { .it_value = { 0, 1 + us * 1000 } };
			result = errno_of(timerfd_settime(timer, 0, &t, NULL));
			break;
		}
		case 15: {
			struct epoll_event ev[4];
			int n = epoll_wait(epoll, ev, 4, us / 200);
			result = n;
			for (int i = 0; i < n; i++)
				result = result * 8 + ev[i].data.u32;
			uint64_t v;
			if (read(timer, &v, sizeof v) > 0 || read(counter, &v, sizeof v) > 0)
				result = -result;
			break;
		}
		case 16: {
			uint64_t v = 1 + us % 3;
			result = errno_of(write(counter, &v, sizeof v));
			break;
		}
		case 17:
			for (int i = 0; i < 200; i++)
				until = in(CLOCK_MONOTONIC, 0);
			result = until.tv_nsec / 1000 % 1000;
			break;
		}
		say(step, op, result);
	}
}

struct start { int actor; uint32_t seed; };

static void *thread(void *arg)
{
	struct start *s = arg;
	me = s->actor;
	act(s->seed);
	return NULL;
}

// run runs the program of a seed in processes and threads, and returns a digest of its log.
static uint32_t run(uint32_t seed, int verbose)
{
	uint32_t r = seed * 2654435761u;
	memset(all, 0, sizeof *all);
	pthread_mutexattr_t ma;
	pthread_condattr_t ca;
	pthread_mutexattr_init(&ma);
	pthread_condattr_init(&ca);
	pthread_mutexattr_setpshared(&ma, PTHREAD_PROCESS_SHARED);
	pthread_condattr_setpshared(&ca, PTHREAD_PROCESS_SHARED);
	for (int i = 0; i < LOCKS; i++) {
		pthread_mutex_init(&all->lock[i], &ma);
		pthread_cond_init(&all->cond[i], &ca);
	}
	sem_init(&all->sem, 1, 1);
	CHECK(pipe2(pipes, O_NONBLOCK) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	CHECK((counter = eventfd(0, EFD_NONBLOCK)) >= 0 && (timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK)) >= 0);
	CHECK((epoll = epoll_create1(0)) >= 0);
	int watched[] = { pipes[0], pair[0], counter, timer };
	for (int i = 0; i < 4; i++) {
		struct epoll_event ev = { .events = EPOLLIN | (i & 1 ? EPOLLET : 0), .data.u32 = i + 1 };
		CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, watched[i], &ev) == 0);
	}
	int processes = 1 + roll(&r) % 3;
	nthreads = 1 + roll(&r) % MOST;
	for (int p = 0; p < processes; p++)
		if (fork() == 0) {
			struct start s[MOST];
			for (int i = 0; i < nthreads; i++) {
				s[i] = (struct start){ 10 * p + i, seed + 1000 * p + 100 * i };
				threads[i] = pthread_self();
			}
			for (int i = 1; i < nthreads; i++)
				CHECK(pthread_create(&threads[i], NULL, thread, &s[i]) == 0);
			thread(&s[0]);
			for (int i = 1; i < nthreads; i++)
				CHECK(pthread_join(threads[i], NULL) == 0);
			_exit(0);
		}
	for (int p = 0; p < processes; p++) {
		int status;
		CHECK(wait(&status) > 0 && status == 0);
	}
	int fds[] = { pipes[0], pipes[1], pair[0], pair[1], counter, timer, epoll };
	for (int i = 0; i < 7; i++)
		close(fds[i]);
	uint32_t digest = 2166136261u;
	for (int i = 0; i < all->n && i < LOG; i++) {
		struct event *e = &all->log[i];
		if (verbose)
			printf("%d %d %d %d\n", e->actor, e->step, e->op, e->result);
		digest = (((digest ^ e->actor) * 16777619u ^ e->step) * 16777619u ^ e->op) * 16777619u ^ e->result;
	}
	return digest ^ all->racy;
}

int main(int argc, char **argv)
{
	setbuf(stdout, NULL);
	all = mmap(NULL, sizeof *all, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(all != MAP_FAILED);
	struct sigaction sa = { .sa_handler = handler, .sa_flags = SA_RESTART };
	CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
	if (argc > 1) {
		uint32_t digest = run(atoi(argv[1]), 1);
		printf("%08x\n", digest);
		return 0;
	}
	for (int seed = 1; seed <= 12; seed++)
		printf("%d %08x\n", seed, run(seed, 0));
	return 0;
}
