// laplace: pinned flags="--hostname lighthouse"
// --hostname names the box.
#include "check.h"
#include <sys/utsname.h>

int main(void)
{
	struct utsname u;
	CHECK(uname(&u) == 0);
	printf("%s\n", u.nodename);
	if (boxed())
		CHECK(strcmp(u.nodename, "lighthouse") == 0);
	return 0;
}
