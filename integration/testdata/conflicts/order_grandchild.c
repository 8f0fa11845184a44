// conflicts: none
// a grandchild writes, its parent waits for it, and ours for that
#include "race.h"

static void writer(void) { over("data", "new"); }
static void parent(void) { done(child(writer)); }

int main(void)
{
	put("data", "old");
	done(child(parent));
	puts(get("data"));
	return 0;
}
