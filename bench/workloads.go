package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"laplace.dev/laplace/integration/sources"
)

// modules are what the Python workload imports: a few hundred small files are looked
// for and read.
const modules = "import json, re, asyncio, subprocess, email, http.client, unittest, xml.dom.minidom, decimal, sqlite3"

// workloads are what is measured, in the order of the table.
var workloads = []workload{
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
		name: "make -j1 of lua", target: "1.3", prepare: sources.Lua.Unpack,
		run: []string{"make", "--silent", "-j1", "-C", "src", "MYCFLAGS=-DLUA_USE_POSIX", "all"},
	},
	{
		name: "stops", target: "", prepare: writeStops, run: []string{"./stops"},
		note: func(r result) string {
			return fmt.Sprintf("one intercepted call: %s; %.0f stops a second", perStop(r), 1/perStop(r).Seconds())
		},
	},
}

// perStop is what one of the stops of a result costs, start of the box included.
func perStop(r result) time.Duration {
	return max(1, (median(r.boxed)-median(r.native))/time.Duration(max(1, r.ticks)))
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

// writeStops makes the program of the stops workload.
func writeStops(dir string) error {
	if err := os.WriteFile(filepath.Join(dir, "stops.c"), []byte(stopsC), 0o644); err != nil {
		return err
	}
	return command(dir, "gcc", "-O2", "-o", "stops", "stops.c")
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
