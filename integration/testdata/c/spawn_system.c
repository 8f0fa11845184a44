// laplace: same
// system, popen and pclose: statuses, streams both ways, several at once.
#include "check.h"
#include <signal.h>
#include <sys/wait.h>

static void show(const char *what, int status)
{
	if (WIFSIGNALED(status))
		printf("%s: signal %d\n", what, WTERMSIG(status));
	else
		printf("%s: exited %d\n", what, WEXITSTATUS(status));
}

static volatile sig_atomic_t children;
static void on_child(int sig) { children++; }

int main(void)
{
	setlinebuf(stdout);
	CHECK(system(NULL) != 0);
	show("true", system("true"));
	show("exit 42", system("exit 42"));
	show("missing", system("./missing 2>/dev/null"));
	show("killed", system("kill -KILL $$"));
	show("child killed", system("sh -c 'kill -KILL $$'; exit $?"));
	show("pipeline", system("printf 'b\\na\\n' | sort"));

	/* system blocks SIGCHLD and ignores SIGINT and SIGQUIT meanwhile. */
	CHECK(signal(SIGCHLD, on_child) != SIG_ERR);
	show("with a handler", system("kill -INT $PPID; exit 1"));
	printf("SIGCHLD handled %d times\n", children);
	CHECK(signal(SIGCHLD, SIG_DFL) != SIG_ERR);

	char line[100];
	FILE *f = popen("echo one; echo two; exit 3", "r");
	CHECK(f != NULL);
	while (fgets(line, sizeof line, f))
		printf("read: %s", line);
	show("popen r", pclose(f));

	f = popen("while read x; do echo \"got $x\"; done; exit 4", "w");
	CHECK(f != NULL);
	fputs("alpha\nbeta\n", f);
	show("popen w", pclose(f));

	/* The second child must not hold the first one's pipe: else pclose would never return. */
	FILE *a = popen("cat > a", "w"), *b = popen("cat > b", "w");
	CHECK(a && b);
	fputs("to a\n", a);
	fputs("to b\n", b);
	show("a", pclose(a));
	show("b", pclose(b));
	show("both", system("cat a b"));

	/* A reader that leaves: the writer dies by SIGPIPE. */
	f = popen("yes", "r");
	CHECK(f && fgets(line, sizeof line, f));
	printf("yes: %s", line);
	show("yes", pclose(f));
	return 0;
}
