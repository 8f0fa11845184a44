// conflicts: none
// threads of one process write to one file
#include "race.h"
#include <pthread.h>

static void *writer(void *arg)
{
	add("log", "x");
	return arg;
}

int main(void)
{
	pthread_t t[2];
	put("log", "");
	for (int i = 0; i < 2; i++)
		CHECK(pthread_create(&t[i], NULL, writer, NULL) == 0);
	for (int i = 0; i < 2; i++)
		CHECK(pthread_join(t[i], NULL) == 0);
	puts(get("log"));
	return 0;
}
