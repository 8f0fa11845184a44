package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"laplace.dev/laplace/integration/sources"
)

// modules are what the Python workload imports: a few hundred small files are looked
// for and read.
const modules = "import json, re, asyncio, subprocess, email, http.client, unittest, xml.dom.minidom, decimal, sqlite3"

// workloads are what is measured, in the order of the table.
var workloads = slices.Concat(trees, threaded, cached)

// trees are the workloads of processes that have one thread each.
var trees = []workload{
	{
		name: "laplace do true", target: "45 ms", run: []string{"true"}, boxedOnly: true,
	},
	{
		name: "gcc -O2 -c", target: "2.2", prepare: writeC, run: []string{"gcc", "-O2", "-c", "unit.c"},
	},
	{
		name: "python3 imports", target: "1.5", run: []string{"/usr/bin/python3", "-c", modules},
	},
	{
		name: "configure of hello", target: "2.2", prepare: sources.Hello.Unpack,
		run: []string{"./configure", "--quiet"},
	},
	{
		name: "make -j1 of lua", target: "1.3", prepare: sources.Lua.Unpack, run: makeLua("-j1"),
	},
	{
		// What it costs that processes could run side by side where only one has work.
		name: "order: make -j1", target: "1.05", prepare: sources.Lua.Unpack, run: makeLua("-j1"),
		base: []string{"--canonical"},
	},
	{
		// What it costs to compare accesses and to keep a record.
		name: "watch: make -j1", target: "1.05", prepare: sources.Lua.Unpack, run: makeLua("-j1"),
		base: []string{"--unwatched"},
	},
	{
		name: "watch: configure", target: "1.10", prepare: sources.Hello.Unpack, run: []string{"./configure", "--quiet"},
		base: []string{"--unwatched"},
	},
	{
		name: "make -j4 of lua", target: "1.5", prepare: sources.Lua.Unpack, run: makeLua("-j4"), native: makeLua("-j2"),
	},
	{
		name: "2 x compute", target: "1.1", prepare: program("compute", computeC), run: beside("./compute", 2),
	},
	{
		name: "64 MiB by 2 pipes", target: "12",
		run: []string{"sh", "-c", "dd if=/dev/zero bs=64K count=1024 status=none | cat | cat >/dev/null"},
	},
	{
		// Natively cat finds many of these writes at once; in a box it reads one after the other.
		name: "in pieces of 4 KiB", run: []string{"sh", "-c", "head -c 64M /dev/zero | cat | cat >/dev/null"},
	},
	{
		name: "2 x configure", prepare: twice(sources.Hello.Unpack),
		run: []string{"sh", "-c", "(cd 1 && ./configure --quiet) & (cd 2 && ./configure --quiet) & wait"},
	},
	{
		name: "stops", prepare: program("stops", stopsC), run: []string{"./stops"}, note: notePerStop,
	},
	{
		name: "2 x stops", prepare: program("stops", stopsC), run: beside("./stops", 2), note: notePerStop,
	},
	{
		name: "4 x stops", prepare: program("stops", stopsC), run: beside("./stops", 4), note: notePerStop,
	},
}

// makeLua is the build of lua with a number of jobs, as make's flag.
func makeLua(jobs string) []string {
	return []string{"make", "--silent", jobs, "-C", "src", "MYCFLAGS=-DLUA_USE_POSIX", "all"}
}

// beside runs several of one program at the same time.
func beside(program string, n int) []string {
	return []string{"sh", "-c", strings.Repeat(program+" & ", n) + "wait"}
}

// twice prepares two directories, 1 and 2.
func twice(prepare func(dir string) error) func(dir string) error {
	return func(dir string) error {
		return errors.Join(prepare(filepath.Join(dir, "1")), prepare(filepath.Join(dir, "2")))
	}
}

// perStop is what one of the stops of a result costs, start of the box included.
func perStop(r result) time.Duration {
	return max(1, (median(r.boxed)-median(r.native))/time.Duration(max(1, r.ticks)))
}

func notePerStop(r result) string {
	return fmt.Sprintf("one intercepted call: %s; %.0f stops a second", perStop(r), 1/perStop(r).Seconds())
}

// stopsC makes calls that stop and are answered at once.
const stopsC = `#include <fcntl.h>
#include <unistd.h>
int main(void)
{
	for (int i = 0; i < 100000; i++)
		access("/usr/bin", F_OK);
	return 0;
}
`

// computeC makes no calls.
const computeC = `#include <stdint.h>
int main(void)
{
	volatile uint64_t x = 1;
	for (int i = 0; i < 600000000; i++)
		x = x * 6364136223846793005u + 1;
	return 0;
}
`

// program returns what makes a program of a C source.
func program(name, source string) func(dir string) error {
	return func(dir string) error {
		if err := os.WriteFile(filepath.Join(dir, name+".c"), []byte(source), 0o644); err != nil {
			return err
		}
		return command(dir, "gcc", "-O2", "-o", name, name+".c")
	}
}

// writeC makes a C file of about a thousand lines, of the kind that a compiler takes a
// fifth of a second for.
func writeC(dir string) error {
	var b strings.Builder
	for _, h := range []string{"ctype", "errno", "math", "stdint", "stdio", "stdlib", "string", "time", "unistd", "sys/stat"} {
		fmt.Fprintf(&b, "#include <%s.h>\n", h)
	}
	b.WriteString("\nstruct node { struct node *next; char name[32]; uint64_t value; };\n")
	for i := range 30 {
		fmt.Fprintf(&b, `
static uint64_t mix%[1]d(const struct node *n, uint64_t seed)
{
	uint64_t h = seed ^ 0x%[2]xu;
	for (; n; n = n->next) {
		for (const char *p = n->name; *p; p++) {
			h = (h ^ (unsigned char)tolower(*p)) * %[3]du;
			if ((h & %[4]d) == %[1]d %% 7)
				h += n->value >> %[5]d;
		}
		switch (n->value %% 5) {
		case 0: h ^= h >> 13; break;
		case 1: h += strlen(n->name); break;
		case 2: h *= 31; break;
		default: h -= n->value;
		}
	}
	return h;
}

int report%[1]d(FILE *out, struct node *list, double scale)
{
	int lines = 0;
	for (struct node *n = list; n; n = n->next, lines++) {
		uint64_t h = mix%[1]d(n, (uint64_t)(scale * %[3]d));
		if (fprintf(out, "%%-32s %%12llu %%8.3f\n", n->name, (unsigned long long)h, sqrt((double)(h %% 1000)) * scale) < 0)
			return -errno;
	}
	return lines;
}
`, i, 0x9e3779b9+i*7919, 16777619+2*i, 1+i%15, 1+i%31)
	}
	return os.WriteFile(filepath.Join(dir, "unit.c"), []byte(b.String()), 0o644)
}
