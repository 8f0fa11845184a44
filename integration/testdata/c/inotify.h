/* What the inotify programs share. */
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>

/* events prints what has come: the watch, what, to which name. Cookies are counted: others on the host use some, too. */
static inline void events(int in, const char *what)
{
	static const char *const names[] = {"access", "modify", "attrib", "close-write", "close", "open", "from", "to", "create",
					    "delete", "delete-self", "move-self", "?", "unmount", "overflow", "ignored"};
	static uint32_t last, number;
	char b[65536] __attribute__((aligned(8)));
	ssize_t n = read(in, b, sizeof b);
	if (n < 0 && errno != EAGAIN)
		FAIL("read");
	printf("%s:", what);
	for (char *p = b; n > 0 && p < b + n;) {
		struct inotify_event *e = (void *)p;
		printf(" %d", e->wd);
		for (int i = 0; i < 16; i++)
			if (e->mask >> i & 1)
				printf(" %s", names[i]);
		if (e->mask & IN_ISDIR)
			printf(" dir");
		if (e->cookie) {
			number += e->cookie != last;
			last = e->cookie;
			printf(" <%u>", number);
		}
		if (e->len)
			printf(" '%s'", e->name);
		printf(";");
		CHECK(e->len % 16 == 0);
		p += sizeof *e + e->len;
	}
	printf("\n");
}

/* E does something that must succeed, and prints what is told of it. */
#define E(what)                           \
	do {                              \
		CHECK((long)(what) >= 0); \
		events(in, #what);        \
	} while (0)
