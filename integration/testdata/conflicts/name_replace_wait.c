// conflicts: none
// a file is replaced by a new one, and read after a wait
#include "race.h"

static void writer(void)
{
	put("new", "new");
	CHECK(rename("new", "data") == 0);
}

int main(void)
{
	put("data", "old");
	done(child(writer));
	puts(get("data"));
	return 0;
}
