// conflicts: name p; maybe metadata p
// two make one FIFO
#include "race.h"

static void one(void) { mkfifo("p", 0644); }
static void other(void) { mkfifo("p", 0644); }

int main(void)
{
	both(one, other);
	return 0;
}
