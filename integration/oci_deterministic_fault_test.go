package integration

import (
	"os"
	"path/filepath"
	"testing"
)

// faulty dies of the fault that its first argument names: alone, beside a child or a thread, or in a thread.
const faulty = `#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
static volatile int zero;
static void die(const char *how) {
	if (!strcmp(how, "write")) *(volatile int *)8 = 1;
	if (!strcmp(how, "jump")) ((void (*)(void))16)();
	if (!strcmp(how, "instruction")) __builtin_trap();
	if (!strcmp(how, "breakpoint")) __asm__("int3");
	if (!strcmp(how, "division")) exit(7 / zero);
	if (!strcmp(how, "abort")) abort();
	if (!strcmp(how, "file's end")) *(volatile char *)mmap(0, 4096, PROT_READ, MAP_SHARED, open("/etc/empty", O_RDONLY), 0);
	if (!strcmp(how, "raise")) raise(SIGSEGV);
	if (!strcmp(how, "blocked")) { sigset_t all; sigfillset(&all); sigprocmask(SIG_BLOCK, &all, 0); die("write"); }
}
static void *run(void *how) { die(how); return 0; }
static void *wait_(void *x) { for (;;) pause(); }
int main(int n, char **args) {
	pthread_t t;
	if (n > 2 && !strcmp(args[2], "child") && !fork()) pause();
	if (n > 2 && !strcmp(args[2], "beside a thread")) pthread_create(&t, 0, wait_, 0);
	if (n > 2 && !strcmp(args[2], "in a thread")) { pthread_create(&t, 0, run, args[1]); pthread_join(t, 0); }
	die(args[1]);
	return 5;
}
`

// TestOCIDeterministicFaults has first processes die of faults: their parent is told by which, as it is where nobody traces
// them.
func TestOCIDeterministicFaults(t *testing.T) {
	b := newBundle(t)
	b.compile("faulty", faulty)
	if err := os.Mkdir(filepath.Join(b.root, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.root, "etc/empty"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args   []string
		status int
	}{
		{[]string{"write"}, 139}, {[]string{"jump"}, 139}, {[]string{"instruction"}, 132}, {[]string{"breakpoint"}, 133}, {[]string{"division"}, 136},
		{[]string{"file's end"}, 135}, {[]string{"blocked"}, 139},
		{[]string{"raise"}, 5},   // pid 1 is immune to it
		{[]string{"abort"}, 139}, // and to that: what glibc does then is a fault
		{[]string{"write", "child"}, 139}, {[]string{"write", "beside a thread"}, 139}, {[]string{"write", "in a thread"}, 139},
		{[]string{"division", "in a thread"}, 136}, {[]string{"file's end", "beside a thread"}, 135},
	} {
		for _, mode := range []string{"plain", "deterministic", "deterministic"} {
			b.spec.Annotations = map[string]string{"dev.laplace.mode": mode}
			b.spec.Process.Args = append([]string{"/bin/faulty"}, test.args...)
			b.write()
			if r := b.do("run", "--keep", "box"); r.Exit != test.status {
				t.Errorf("%v, %s: status %d, not %d: %s", test.args, mode, r.Exit, test.status, r.Stderr)
			}
			if mode != "plain" {
				if v := b.verdictOf("box"); v.Verdict != "deterministic" {
					t.Errorf("%v: %+v", test.args, v)
				}
			}
			b.ok("delete", "box")
		}
	}
}
