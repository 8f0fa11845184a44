// conflicts: none
// a byte through a pair of Unix sockets
#include "race.h"
#include <sys/socket.h>

static int s[2];

static void writer(void)
{
	over("data", "new");
	CHECK(write(s[1], "x", 1) == 1);
}

int main(void)
{
	put("data", "old");
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	pid_t pid = child(writer);
	char c;
	CHECK(read(s[0], &c, 1) == 1);
	puts(get("data"));
	done(pid);
	return 0;
}
