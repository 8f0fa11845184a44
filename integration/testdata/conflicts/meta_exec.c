// conflicts: name tool; maybe content tool; maybe metadata tool
// one runs a program that another replaces
#include "race.h"

static void one(void) { CHECK(rename("new", "tool") == 0); }
static void other(void)
{
	execl("./tool", "./tool", NULL);
	_exit(1);
}

int main(void)
{
	put("tool", "#!/bin/true\n");
	put("new", "#!/bin/true\n");
	CHECK(chmod("tool", 0755) == 0 && chmod("new", 0755) == 0);
	both(one, other);
	return 0;
}
