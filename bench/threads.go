package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// threaded are the workloads with threads, which make one call at a time in a box.
var threaded = []workload{
	{
		name: "go build, 30 packages", target: "2.5", prepare: writeGo,
		run: []string{"sh", "-c", goEnv + "go build -o x ."},
	},
	{
		name: "node script", target: "2.5", prepare: write("script.js", nodeScript), run: []string{"node", "script.js"},
	},
	{
		name: "100,000 hand-overs", prepare: program("handover", handoverC), run: []string{"./handover"}, note: notePerHandover,
	},
	{
		name: "2 x 2M clock reads", prepare: program("clocks", clocksC), run: beside("./clocks", 2),
	},
}

// goEnv has go work in the current directory alone.
const goEnv = `PATH=$PATH:/usr/local/go/bin; export PATH GOCACHE=$PWD/cache GOFLAGS=-trimpath GOTOOLCHAIN=local GOPROXY=off CGO_ENABLED=0; `

// writeGo makes a module of 30 packages that use each other, and builds what they import of
// the standard library.
func writeGo(dir string) error {
	files := map[string]string{
		"go.mod":     "module example.com/x\n\ngo 1.21\n",
		"std/std.go": "package std\n\nimport (\n\t_ \"encoding/json\"\n\t_ \"fmt\"\n\t_ \"sort\"\n\t_ \"strings\"\n)\n",
	}
	var main strings.Builder
	main.WriteString("package main\n\nimport (\n\t\"fmt\"\n")
	const packages = 30
	for i := range packages {
		var b strings.Builder
		fmt.Fprintf(&b, "package p%d\n\nimport (\n\t\"encoding/json\"\n\t\"fmt\"\n\t\"sort\"\n\t\"strings\"\n", i)
		if i > 0 {
			fmt.Fprintf(&b, "\n\t\"example.com/x/p%d\"\n", (i-1)/2)
		}
		b.WriteString(")\n")
		for k := range 40 {
			fmt.Fprintf(&b, `
type T%[1]d struct {
	Name  string
	Value int
	Next  *T%[1]d
}

func (t *T%[1]d) String() string {
	words := strings.Fields(t.Name)
	sort.Slice(words, func(i, j int) bool { return len(words[i]) < len(words[j])*%[2]d })
	b, err := json.Marshal(t)
	if err != nil || t.Value %% %[2]d == 1 {
		return fmt.Sprintf("%%s: %%v", words, err)
	}
	return string(b)
}
`, k, k+2)
		}
		b.WriteString("\n// Run runs it.\nfunc Run() string {\n\ts := (&T0{Name: \"a b\", Value: 3}).String()\n")
		if i > 0 {
			fmt.Fprintf(&b, "\ts += p%d.Run()\n", (i-1)/2)
		}
		b.WriteString("\treturn s\n}\n")
		files[fmt.Sprintf("p%d/p.go", i)] = b.String()
		fmt.Fprintf(&main, "\t\"example.com/x/p%d\"\n", i)
	}
	main.WriteString(")\n\nfunc main() {\n")
	for i := range packages {
		fmt.Fprintf(&main, "\tfmt.Println(len(p%d.Run()))\n", i)
	}
	main.WriteString("}\n")
	files["main.go"] = main.String()
	for name, content := range files {
		if err := write(name, content)(dir); err != nil {
			return err
		}
	}
	return command(dir, "sh", "-c", goEnv+"go build ./std")
}

// write returns what makes one file.
func write(name, content string) func(dir string) error {
	return func(dir string) error {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		return os.WriteFile(path, []byte(content), 0o644)
	}
}

func notePerHandover(r result) string {
	return fmt.Sprintf("a million hand-overs: %.1f s, natively %.1f s", 10*median(r.boxed).Seconds(), 10*median(r.native).Seconds())
}

// handoverC has two threads go on in turns.
const handoverC = `#include <linux/futex.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>
static int turn;
static void go(int me)
{
	for (int i = 0; i < 50000; i++) {
		int now;
		while ((now = __atomic_load_n(&turn, __ATOMIC_SEQ_CST)) != me)
			syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, now, NULL);
		__atomic_store_n(&turn, !me, __ATOMIC_SEQ_CST);
		syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1);
	}
}
static void *other(void *arg)
{
	go(1);
	return arg;
}
int main(void)
{
	pthread_t t;
	if (pthread_create(&t, NULL, other, NULL) != 0)
		return 1;
	go(0);
	return pthread_join(t, NULL) != 0;
}
`

// clocksC reads the clock.
const clocksC = `#include <time.h>
int main(void)
{
	struct timespec ts;
	for (int i = 0; i < 2000000; i++)
		clock_gettime(CLOCK_MONOTONIC, &ts);
	return 0;
}
`

// nodeScript does what scripts do: objects, text, hashes, files, timers.
const nodeScript = `const crypto = require('crypto'), fs = require('fs');
const words = [];
for (let i = 0; i < 200000; i++) words.push({ key: (i * 7919) % 100003, text: 'word' + i });
words.sort((a, b) => a.key - b.key || (a.text < b.text ? -1 : 1));
fs.writeFileSync('out.json', JSON.stringify(words));
const back = JSON.parse(fs.readFileSync('out.json'));
const h = crypto.createHash('sha256');
for (const w of back) h.update(w.text);
let left = 50;
const tick = () => { if (--left > 0) setTimeout(tick, 1); else console.log(h.digest('hex')); };
tick();
`
