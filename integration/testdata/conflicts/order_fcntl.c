// conflicts: none
// who has the lock of a range writes
#include "race.h"

static void count(void)
{
	int fd = open("lock", O_RDWR);
	CHECK(fd >= 0);
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
	CHECK(fcntl(fd, F_SETLKW, &l) == 0);
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
