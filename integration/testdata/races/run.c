// Runs a program of several tasks, which its arguments are: the number of messages, then events, TASK ACTION NUMBER each,
// in an order in which they can happen. A task does its own; one that is forked goes on from there.
#include "../conflicts/race.h"
#include <time.h>

static uint64_t seen; // a digest of all that the task has observed

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

int main(int argc, char **argv)
{
	int messages = atoi(argv[1]), me = 0, pipes[64][2], end[2];
	pid_t pids[64] = {0};
	CHECK(pipe(end) == 0);
	for (int i = 0; i < messages; i++)
		CHECK(pipe(pipes[i]) == 0);
	for (int i = 2; i < argc; i++) { // what they need is there
		int task, n;
		char action;
		CHECK(sscanf(argv[i], "%d%c%d", &task, &action, &n) == 3);
		if (strchr("rwats", action) && access(at("c", n), F_OK) != 0)
			put(at("c", n), "0123456789");
		if (strchr("lm", action))
			mkdir(at("d", n), 0755);
		if (strchr("oR", action) && access(at("n", n), F_OK) != 0)
			put(at("n", n), "");
		if (action == 'R')
			put(at("private", i), argv[i]);
	}
	for (int i = 2; i < argc; i++) {
		int task, n, fd;
		char action, text[64];
		sscanf(argv[i], "%d%c%d", &task, &action, &n);
		if (task != me)
			continue;
		snprintf(text, sizeof text, "%s %lx\n", argv[i], seen);
		switch (action) {
		case 'F': // forks
			if ((pids[n] = fork()) == 0)
				me = n, see(argv[i]);
			break;
		case 'W': // waits
			done(pids[n]);
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
			snprintf(text, sizeof text, "%ld", st.st_size);
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
			FAIL("action %c", action);
		}
	}
	if (me != 0)
		_exit(0);
	tells(me);
	char c;
	CHECK(close(end[1]) == 0 && read(end[0], &c, 1) == 0); // all others have ended
	return 0;
}
