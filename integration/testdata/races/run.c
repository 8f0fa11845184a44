// Runs a program of several tasks, which its arguments are: the number of messages, then events, TASK ACTION NUMBER each,
// in an order in which they can happen. A task does its own; one that is forked goes on from there.
#include "../conflicts/race.h"
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <time.h>

static uint64_t seen; // a digest of all that the task has observed
static int top;       // where it started

static void see(const char *text)
{
	for (; *text; text++)
		seen = (seen ^ (unsigned char)*text) * 0x100000001b3;
}

static char *at(const char *kind, int n)
{
	static char path[2][32];
	static int next;
	snprintf(path[next ^= 1], sizeof path[0], "%s%d", kind, n);
	return path[next];
}

/* tells prints what a task has observed, and its clock. */
static void tells(int me)
{
	struct timespec now = {0};
	if (boxed())
		clock_gettime(CLOCK_REALTIME, &now);
	printf("%d saw %lx at %ld.%09ld\n", me, seen, now.tv_sec, now.tv_nsec);
	fflush(stdout);
}

/* names notes what is in a directory. */
static void names(const char *path)
{
	DIR *d = opendir(path);
	CHECK(d != NULL);
	for (struct dirent *e; (e = readdir(d));)
		see(e->d_name);
	closedir(d);
}

/* tried notes whether a call has worked, or why not. */
static void tried(int ret) { see(ret >= 0 ? "yes" : errname(errno)); }

static void *writer(void *text)
{
	over(at("c", 0), text);
	return NULL;
}

/* other does what is in no list of races: programs that do it have other checks. i is the number of the event. */
static void other(char action, int n, int i, char *text, int pipes[][2])
{
	int fd;
	switch (action) {
	case 'D': // a directory is moved, or back
		fd = rename(at("e", n), at("f", n));
		tried(fd == 0 ? fd : rename(at("f", n), at("e", n)));
		break;
	case 'C': // works in one
		if (chdir(at("e", n)) == 0) {
			char path[4096];
			see(getcwd(path, sizeof path) ? strrchr(path, '/') : "");
			see(get("inside"));
			see(get("../c0"));
			CHECK(fchdir(top) == 0);
		}
		break;
	case 'H': // another name for a file
		snprintf(text, 64, "h%d", i);
		tried(link(at("c", n), text));
		break;
	case 'u': // removes
		tried(unlink(at("n", n)));
		break;
	case 'Q': // replaces a symbolic link
		snprintf(text, 64, "q%d", i);
		CHECK(symlink(at("c", i % 2), text) == 0 && rename(text, at("l", n)) == 0);
		break;
	case 'q':
		see(get(at("l", n)));
		break;
	case 'k':
		tried(chmod(at("c", n), 0600 + i % 8));
		break;
	case 'e':
		fd = open(at("c", n), O_RDONLY);
		snprintf(text, 64, "%ld", (long)lseek(fd, 0, SEEK_END));
		see(text);
		close(fd);
		break;
	case 'M': { // writes through a mapping
		fd = open(at("c", n), O_RDWR);
		char *p = mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		CHECK(fd >= 0 && p != MAP_FAILED);
		(*p)++;
		munmap(p, 1);
		close(fd);
		break;
	}
	case 'L': // counts under a lock
		fd = open("lock", O_RDWR);
		CHECK(fd >= 0 && flock(fd, LOCK_EX) == 0);
		snprintf(text, 64, "%d", atoi(get("counter")) + 1);
		over("counter", text);
		close(fd);
		break;
	case 'T': {
		pthread_t t;
		CHECK(pthread_create(&t, NULL, writer, text) == 0 && pthread_join(t, NULL) == 0);
		break;
	}
	case 'V': {
		pid_t pid = vfork();
		if (pid == 0) {
			if (truncate(at("c", n), 1 + i % 10)) _exit(1);
			_exit(0);
		}
		done(pid);
		break;
	}
	case 'z':
		usleep(1000 * n + i);
		break;
	case 'N': { // is there a message?
		struct pollfd f = {pipes[n][0], POLLIN, 0};
		see(poll(&f, 1, 0) == 1 ? "a message" : "none");
		break;
	}
	case 'X':
		tried(mkdir(at("x", n), 0755));
		break;
	case 'B': // a child that nobody waits for
		if (fork() == 0) {
			over(at("c", n), text);
			_exit(0);
		}
		break;
	default:
		FAIL("action %c", action);
	}
}

int main(int argc, char **argv)
{
	int messages = atoi(argv[1]), me = 0, pipes[64][2], end[2];
	pid_t pids[64] = {0};
	CHECK(pipe(end) == 0 && (top = open(".", O_RDONLY | O_DIRECTORY)) >= 0);
	for (int i = 0; i < messages || i < 2; i++)
		CHECK(pipe(pipes[i]) == 0);
	for (int i = 2; i < argc; i++) { // what they need is there
		int task, n;
		char action;
		CHECK(sscanf(argv[i], "%d%c%d", &task, &action, &n) == 3);
		for (int c = 0; c < 2; c++)
			if ((strchr("rwats", action) ? c == n : strchr("CHQqkeMTVB", action) != NULL) && access(at("c", c), F_OK) != 0)
				put(at("c", c), "0123456789");
		if (strchr("DC", action) && mkdir(at("e", n), 0755) == 0 && chdir(at("e", n)) == 0) {
			put("inside", argv[i]);
			CHECK(fchdir(top) == 0);
		}
		if (strchr("Qq", action))
			(void)!symlink("c0", at("l", n)); // the first time
		if (action == 'L') {
			put("lock", "");
			put("counter", "0");
		}
		if (strchr("lm", action))
			mkdir(at("d", n), 0755);
		if (strchr("oRu", action) && access(at("n", n), F_OK) != 0)
			put(at("n", n), "");
		if (action == 'R')
			put(at("private", i), argv[i]);
	}
	for (int i = 2; i < argc; i++) {
		int task, n, fd, status;
		char action, text[64];
		sscanf(argv[i], "%d%c%d", &task, &action, &n);
		if (task != me)
			continue;
		snprintf(text, sizeof text, "%s %016lx\n", argv[i], seen);
		switch (action) {
		case 'F': // forks
			if ((pids[n] = fork()) == 0)
				me = n, see(argv[i]);
			break;
		case 'K': // kills
			CHECK(kill(pids[n], SIGKILL) == 0);
			break;
		case 'W': // waits
			CHECK(waitpid(pids[n], &status, 0) == pids[n] && (status == 0 || status == SIGKILL));
			see(status ? "was killed" : "has ended");
			break;
		case 'S': // sends
			tell(pipes[n]);
			break;
		case 'G': // receives
			hear(pipes[n]);
			break;
		case 'E': // ends
			tells(me);
			_exit(0);
		case 'r': // reads
			see(get(at("c", n)));
			break;
		case 'w': // writes
			over(at("c", n), text);
			break;
		case 'a': // appends
			add(at("c", n), text);
			break;
		case 't': // truncates
			CHECK(truncate(at("c", n), 3) == 0);
			break;
		case 's': { // asks for size and time
			struct stat st;
			CHECK(stat(at("c", n), &st) == 0);
			snprintf(text, sizeof text, "%ld %o %ld", st.st_size, st.st_mode, (long)st.st_nlink);
			see(text);
			break;
		}
		case 'l': // lists
			names(at("d", n));
			break;
		case 'm': // makes a name
			snprintf(text, sizeof text, "d%d/%d", n, i);
			CHECK(mkdir(text, 0755) == 0);
			break;
		case 'o': // looks up
			fd = open(at("n", n), O_RDONLY);
			ssize_t len = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
			CHECK(len >= 0);
			text[len] = 0;
			see(fd < 0 ? "nothing" : text);
			close(fd);
			break;
		case 'R': // renames to it
			CHECK(rename(at("private", i), at("n", n)) == 0);
			break;
		default:
			other(action, n, i, text, pipes);
		}
	}
	if (me != 0)
		_exit(0);
	tells(me);
	char c;
	CHECK(close(end[1]) == 0 && read(end[0], &c, 1) == 0); // all others have ended
	return 0;
}
