package main

import (
	"fmt"
	"os/exec"
	"path/filepath"

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

// writeSequences writes the files of sequences.
func writeSequences(dir string) error {
	if _, err := exec.LookPath("clustalw"); err != nil {
		return fmt.Errorf("%w: apt-get install clustalw", err)
	}
	return sources.Proteins(filepath.Join(dir, "in"), jobs)
}
