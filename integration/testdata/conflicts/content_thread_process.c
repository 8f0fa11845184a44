// conflicts: ordered content data
// a thread writes what a child reads: from the first thread on there is one order
#include "race.h"
#include <pthread.h>

static void *writer(void *arg)
{
	over("data", "new");
	return arg;
}
static void reader(void) { get("data"); }

int main(void)
{
	pthread_t t;
	put("data", "old");
	CHECK(pthread_create(&t, NULL, writer, NULL) == 0);
	pid_t pid = child(reader);
	CHECK(pthread_join(t, NULL) == 0);
	done(pid);
	return 0;
}
