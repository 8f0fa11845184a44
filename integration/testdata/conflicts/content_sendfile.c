// conflicts: content data
// sendfile reads what another writes
#include "race.h"
#include <sys/sendfile.h>

static void one(void)
{
	int p[2], from = open("data", O_RDONLY);
	CHECK(pipe(p) == 0 && sendfile(p[1], from, NULL, 3) == 3);
}
static void other(void) { over("data", "new"); }

int main(void)
{
	put("data", "old");
	both(one, other);
	return 0;
}
