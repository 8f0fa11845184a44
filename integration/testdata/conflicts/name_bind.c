// conflicts: either name s; maybe either metadata s
// one binds a socket to a name for which another looks
#include "race.h"
#include <sys/socket.h>
#include <sys/un.h>

static void one(void)
{
	struct sockaddr_un a = {AF_UNIX, "s"};
	CHECK(bind(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&a, sizeof a) == 0);
}
static void other(void) { access("s", F_OK); }

int main(void)
{
	both(one, other);
	return 0;
}
