// conflicts: none
// a socket whose other end has been closed
#include "race.h"
#include <sys/socket.h>

static int s[2];

static void writer(void) { over("data", "new"); }

int main(void)
{
	put("data", "old");
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	pid_t pid = child(writer);
	char c;
	CHECK(close(s[1]) == 0 && read(s[0], &c, 1) == 0);
	puts(get("data"));
	done(pid);
	return 0;
}
