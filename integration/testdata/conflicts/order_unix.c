// conflicts: none
// a connection to a Unix socket that has a name
#include "race.h"
#include <sys/socket.h>
#include <sys/un.h>

static struct sockaddr_un name = {AF_UNIX, "socket"};

static void writer(void)
{
	over("data", "new");
	int s = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(s >= 0 && connect(s, (struct sockaddr *)&name, sizeof name) == 0 && write(s, "x", 1) == 1);
}

int main(void)
{
	put("data", "old");
	int s = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(s >= 0 && bind(s, (struct sockaddr *)&name, sizeof name) == 0 && listen(s, 1) == 0);
	pid_t pid = child(writer);
	int a = accept(s, NULL, NULL);
	char c;
	CHECK(a >= 0 && read(a, &c, 1) == 1);
	puts(get("data"));
	done(pid);
	return 0;
}
