// conflicts: none
// a pipe that nobody reads any more: who reads no more has written before
#include "race.h"
#include <signal.h>

static int p[2];

static void reader(void)
{
	CHECK(close(p[1]) == 0);
	over("data", "new");
	hear(p);
}

int main(void)
{
	put("data", "old");
	CHECK(pipe(p) == 0);
	signal(SIGPIPE, SIG_IGN);
	pid_t pid = child(reader);
	CHECK(close(p[0]) == 0);
	static char b[100000];
	CHECK(write(p[1], b, sizeof b) <= 65536 + 1 && write(p[1], b, 1) == -1 && errno == EPIPE);
	puts(get("data"));
	done(pid);
	return 0;
}
