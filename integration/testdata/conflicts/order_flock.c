// conflicts: none
// who has the lock writes
#include "race.h"
#include <sys/file.h>

static void count(void)
{
	int fd = open("lock", O_RDWR);
	CHECK(fd >= 0);
	CHECK(flock(fd, LOCK_EX) == 0);
	char text[16];
	snprintf(text, sizeof text, "%d", atoi(get("data")) + 1);
	over("data", text);
}

int main(void)
{
	put("data", "1");
	put("lock", "");
	both(count, count);
	puts(get("data"));
	return 0;
}
