// conflicts: maybe name s; maybe ordered name s; maybe metadata s; maybe ordered metadata s
// a socket gets a path, to which another connects, or finds that there is none yet
#include "race.h"
#include <sys/socket.h>
#include <sys/un.h>

static struct sockaddr_un there = { AF_UNIX, "s" };

static void one(void)
{
	int s = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(s >= 0 && bind(s, (void *)&there, sizeof there) == 0 && listen(s, 1) == 0);
}

static void other(void)
{
	int s = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(s >= 0);
	connect(s, (void *)&there, sizeof there);
}

int main(void)
{
	both(one, other);
	return 0;
}
