// conflicts: none
// a thread writes, and after its end a child reads
#include "race.h"
#include <pthread.h>

static void *writer(void *arg)
{
	over("data", "new");
	return arg;
}
static void reader(void) { puts(get("data")); }

int main(void)
{
	put("data", "old");
	pthread_t t;
	CHECK(pthread_create(&t, NULL, writer, NULL) == 0 && pthread_join(t, NULL) == 0);
	done(child(reader));
	return 0;
}
