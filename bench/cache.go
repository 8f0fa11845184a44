package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"laplace.dev/laplace/integration/sources"
)

// cached are the workloads of the cache. What a run is skipped by was kept by the first, which is
// not measured.
var cached = []workload{
	{
		name: "cache: true again", target: "60 ms", run: []string{"true"}, flags: []string{"--cache"}, boxedOnly: true,
	},
	{
		// What it costs to keep every result.
		name: "cache: keep make", target: "1.10", prepare: sources.Lua.Unpack, run: makeLua("-j1"),
		flags: []string{"--cache=write"}, base: []string{"--no-cache"},
	},
	{
		name: "cache: make again", target: "0.025", prepare: sources.Lua.Unpack, run: makeLua("-j1"), flags: []string{"--cache", "--no-commit"},
	},
	{
		name: "cache: configure", target: "60 ms", prepare: sources.Hello.Unpack, run: []string{"./configure", "--quiet"},
		flags: []string{"--cache", "--no-commit"},
	},
	{
		name: "cache: keep jobs", target: "1.10", prepare: writeSequences, run: align(""), flags: []string{"--cache=write", "--no-commit"}, base: []string{"--no-cache"},
	},
	{
		name: "cache: jobs again", target: "60 ms", prepare: writeSequences, run: align(""), flags: []string{"--cache", "--no-commit"},
	},
	{
		// The script itself cannot be kept, and runs: it leaves a process behind.
		name: "cache: each job", target: "6 s", prepare: writeSequences, run: align("sleep 100 & "), native: align(""),
		flags: []string{"--cache", "--no-commit"}, note: notePerJob,
	},
}

// jobs is how many files of sequences there are.
const jobs = 905

func notePerJob(r result) string {
	return fmt.Sprintf("one skipped program: %s", median(r.boxed)/jobs)
}

// align aligns the sequences of each file.
func align(before string) []string {
	return []string{"sh", "-c", before + `mkdir out; for f in in/*.fa; do n=${f##*/}
		clustalw -INFILE=$f -OUTFILE=out/${n%.fa}.aln -NEWTREE=out/${n%.fa}.dnd > out/${n%.fa}.log; done`}
}

// writeSequences writes files of four short proteins each, always the same.
func writeSequences(dir string) error {
	if _, err := exec.LookPath("clustalw"); err != nil {
		return fmt.Errorf("%w: apt-get install clustalw", err)
	}
	const acids, length = "ACDEFGHIKLMNPQRSTVWY", 40
	state := uint32(1)
	random := func(n uint32) uint32 { // the generator of Numerical Recipes: it has no more to do than to differ
		state = state*1664525 + 1013904223
		return (state >> 16) % n
	}
	if err := os.Mkdir(filepath.Join(dir, "in"), 0o755); err != nil {
		return err
	}
	for i := range jobs {
		var b strings.Builder
		first := make([]byte, length)
		for at := range first {
			first[at] = acids[random(uint32(len(acids)))]
		}
		for s := range 4 {
			mutant := append([]byte{}, first...)
			for at := range mutant {
				if random(5) == 0 {
					mutant[at] = acids[random(uint32(len(acids)))]
				}
			}
			fmt.Fprintf(&b, ">s%d\n%s\n", s, mutant)
		}
		if err := os.WriteFile(filepath.Join(dir, "in", fmt.Sprintf("%03d.fa", i)), []byte(b.String()), 0o644); err != nil {
			return err
		}
	}
	return nil
}
