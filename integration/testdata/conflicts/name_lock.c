// conflicts: name lock; maybe metadata lock
// two make a lock file with O_EXCL
#include "race.h"

static void one(void) { open("lock", O_WRONLY | O_CREAT | O_EXCL, 0644); }
static void other(void) { open("lock", O_WRONLY | O_CREAT | O_EXCL, 0644); }

int main(void)
{
	both(one, other);
	return 0;
}
