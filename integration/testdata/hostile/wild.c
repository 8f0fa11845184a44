// Makes system calls at random, with arguments that no program gives: addresses of nothing, or of what another thread takes away meanwhile,
// vectors without an end, descriptors of all kinds and of none.
// wild SEED CHILDREN CALLS DIR: in a directory, so many processes, three at a time, of two threads that call, and one that maps and unmaps. Says END when all have ended,
// and waits for a file named go.
#define _GNU_SOURCE
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096UL
#define BIG (4UL << 20)

static uint64_t *words;           // a page of arguments' memory, as random as they are
static char *last, *sealed, *big; // a page with nothing after it; one that can only be read; pointers without an end
static char *volatile flips;      // a page that comes and goes
static int fds[64], nfds, calls;
static const char *paths[] = {"/proc/self/mem", "/dev/null", "f", ".", "/proc/self/fd/3", "/proc/self/maps", "/dev/urandom", "..", "d/../f", "/proc/1/root",
	"", "link", "/dev/tty", "/dev/ptmx", "/proc/self/exe", "socket", "/proc/self/task", "fifo"};

static uint64_t next(uint64_t *s)
{
	*s ^= *s << 13, *s ^= *s >> 7, *s ^= *s << 17;
	return *s;
}

static uint64_t value(uint64_t *s)
{
	static const uint64_t sizes[] = {0, 1, 2, 8, 16, 64, 128, 1023, 1024, 1025, 4095, 4096, 65535, 65536, 1 << 20, 1 << 24, 1UL << 31, (1UL << 31) - 1, 1UL << 32,
		1UL << 40, 1UL << 63, (1UL << 63) - 1, -1UL, -2UL, -100UL, -4096UL};
	uint64_t r = next(s);
	switch (r >> 8 & 15) {
	case 0: case 1: case 2: return sizes[(r >> 16) % (sizeof sizes / sizeof *sizes)];
	case 3: case 4: return fds[(r >> 16) % nfds];
	case 5: return r >> 16 & 127;
	case 6: return (uint64_t)paths[(r >> 16) % (sizeof paths / sizeof *paths)];
	case 7: case 8: return (uint64_t)(words + (r >> 16) % 500);
	case 9: return (uint64_t)last + PAGE - (r >> 16 & 31);
	case 10: return (uint64_t)sealed + (r >> 16 & 31) * 8;
	case 11: return (uint64_t)flips + (r >> 16 & 4095);
	case 12: return (uint64_t)big + (r >> 16 & 1023) * 8;
	case 13: return 1UL << (r >> 16 & 63);
	case 14: return (uint64_t[]){0xffff800000000000, 0x7ffffffff000, 0x800000000000, 1, 0xffffffffff600000, 0x7fffffffe001}[(r >> 16) % 6];
	}
	return next(s);
}

static void *caller(void *arg)
{
	uint64_t s = (uint64_t)arg;
	pid_t self = getpid();
	for (int i = 0; i < calls; i++) {
		for (int j = 0; j < 16; j++)
			words[next(&s) % 512] = value(&s);
		long nr = next(&s) % 472;
		if (next(&s) % 512 == 0)
			nr = value(&s);
		uint64_t a[6];
		for (int j = 0; j < 6; j++)
			a[j] = value(&s);
		switch (nr) {
		case SYS_exit: case SYS_exit_group: case SYS_execve: case SYS_execveat: case SYS_pause: case SYS_rt_sigsuspend: case SYS_munmap:
		case SYS_close_range: case SYS_seccomp: case SYS_personality: case SYS_ppoll:
			if (next(&s) % 16)
				continue;
			break;
		case SYS_vfork: case SYS_rt_sigreturn: case SYS_fork: case SYS_alarm: case SYS_setitimer:
			continue;
		case SYS_kill: case SYS_tkill: case SYS_tgkill: case SYS_rt_sigqueueinfo: case SYS_rt_tgsigqueueinfo:
			if (next(&s) % 16)
				a[0] = (uint64_t[]){1UL << 31, 1UL << 30, -1UL << 31, 4194305}[next(&s) % 4];
			else
				a[0] = self;
			break;
		}
		syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
		if (getpid() != self)
			_exit(0);
	}
	return NULL;
}

static void *flipper(void *arg)
{
	for (int i = 0; i < calls; i++) {
		char *at = flips;
		munmap(at, PAGE);
		sched_yield();
		mmap(at, PAGE, i % 3 ? PROT_READ | PROT_WRITE : PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		sched_yield();
	}
	return arg;
}

static void keep(int fd)
{
	if (fd >= 0)
		fds[nfds++] = fd;
}

static void descriptors(void)
{
	int two[2];
	struct sockaddr_in any = {.sin_family = AF_INET};
	struct sockaddr_un name = {AF_UNIX, "socket"};
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	for (int i = 0; i < 2; i++) {
		if (!pipe2(two, i ? O_NONBLOCK : 0))
			keep(two[0]), keep(two[1]);
		if (!socketpair(AF_UNIX, i ? SOCK_DGRAM : SOCK_STREAM, 0, two))
			keep(two[0]), keep(two[1]);
		int s = socket(AF_INET, i ? SOCK_DGRAM : SOCK_STREAM, 0);
		bind(s, (void *)&any, sizeof any);
		listen(s, 5);
		keep(s);
	}
	int u = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	unlink("socket");
	bind(u, (void *)&name, sizeof name);
	listen(u, 3);
	keep(u);
	keep(open("f", O_RDWR | O_CREAT, 0600));
	keep(open("f", O_RDONLY));
	keep(open("f", O_WRONLY | O_APPEND));
	keep(open(".", O_RDONLY | O_DIRECTORY));
	keep(open("f", O_PATH));
	keep(open("/dev/null", O_RDWR));
	keep(open("/proc/self/maps", O_RDONLY));
	keep(open("/proc/self/mem", O_RDWR));
	keep(open("/dev/ptmx", O_RDWR | O_NOCTTY));
	keep(open("fifo", O_RDWR | O_NONBLOCK));
	keep(memfd_create("m", MFD_ALLOW_SEALING));
	keep(eventfd(3, EFD_NONBLOCK));
	keep(epoll_create1(0));
	keep(timerfd_create(CLOCK_MONOTONIC, 0));
	keep(signalfd(-1, &set, SFD_NONBLOCK));
	keep(inotify_init1(IN_NONBLOCK));
	keep(syscall(SYS_pidfd_open, getpid(), 0));
	keep(socket(AF_NETLINK, SOCK_RAW, 0));
	keep(1 << 20); // none
	keep(1000);
}

static void child(uint64_t seed)
{
	struct rlimit space = {1 << 29, 1 << 29}, size = {1 << 20, 1 << 20};
	setsid();
	setrlimit(RLIMIT_AS, &space);
	setrlimit(RLIMIT_FSIZE, &size);
	words = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	last = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(last + PAGE, PAGE);
	memset(last, 'x', PAGE);
	big = mmap(NULL, BIG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (uint64_t *p = (void *)big; p < (uint64_t *)(big + BIG); p++)
		*p = (seed & 1) ? (uint64_t)big : (uint64_t)(p - (uint64_t *)big) % 2 ? PAGE : (uint64_t)big;
	sealed = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	flips = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	descriptors();
	ualarm(200000, 0);
	pthread_t threads[2];
	int n = seed >> 8 & 3 ? 0 : 2;
	if (n && !pthread_create(&threads[0], NULL, caller, (void *)(seed * 3)))
		pthread_create(&threads[1], NULL, flipper, NULL);
	caller((void *)seed);
	_exit(0);
}

static pid_t begun[8];
static int nbegun;

// late ends all children that still run: some have no timer any more, or have blocked its signal.
static void late(int sig)
{
	for (int i = 0; i < nbegun; i++)
		kill(begun[i], SIGKILL);
	alarm(2);
}

// ends waits until a child has ended: one that has been stopped does not by itself.
static pid_t ends(void)
{
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WUNTRACED)) > 0 && WIFSTOPPED(status))
		kill(pid, SIGKILL);
	for (int i = 0; i < nbegun; i++)
		if (begun[i] == pid)
			begun[i] = begun[--nbegun];
	return pid;
}

int main(int argc, char **argv)
{
	if (argc < 5)
		return 0; // executed at random
	uint64_t seed = strtoull(argv[1], NULL, 10) * 0x9e3779b97f4a7c15 + 1;
	int children = atoi(argv[2]), running = 0;
	calls = atoi(argv[3]);
	if (chdir(argv[4]))
		return perror(argv[4]), 1;
	signal(SIGALRM, late);
	alarm(2);
	int dir = open(".", O_RDONLY);
	symlink("f", "link");
	mkfifo("fifo", 0600);
	for (int i = 0; i < children; i++) {
		uint64_t own = next(&seed);
		if (running++ >= 3)
			ends();
		pid_t pid = fork();
		if (pid) {
			begun[nbegun++] = pid;
		} else {
			signal(SIGALRM, SIG_DFL);
			int null = open("/dev/null", O_RDWR);
			for (int j = 0; j < 3; j++)
				dup2(null, j);
			child(own);
		}
	}
	while (ends() > 0)
		;
	alarm(0);
	fchmod(dir, 0777);
	printf("END\n");
	fflush(stdout);
	while (access("go", F_OK))
		usleep(100000);
	return 0;
}
