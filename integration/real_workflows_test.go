package integration

import (
	"os"
	"path/filepath"
	"testing"

	"laplace.dev/laplace/integration/sources"
)

// A workflow is a script that does the same with each of many inputs, as people do who have no
// build tool for it.
type workflow struct {
	name   string
	inputs func(dir string) error
	script string
	jobs   uint64
	job    uint64 // programs of a job, with all that they start
	once   uint64 // programs besides jobs, the script included
	edit   string // of one input
	rerun  uint64 // programs that run after it
}

var workflows = []workflow{
	{
		name: "clustalw", jobs: 905, job: 1, once: 1,
		inputs: func(dir string) error { return sources.Proteins(dir, 905) },
		script: `for f in in/*.fa; do n=${f##*/}
			clustalw -INFILE=$f -OUTFILE=out/${n%.fa}.aln -NEWTREE=out/${n%.fa}.dnd > out/${n%.fa}.log || exit; done`,
		edit: "sed -i 's/A/C/' in/100.fa", rerun: 2,
	},
	{
		name: "profiles", jobs: 12, job: 3, once: 2,
		inputs: func(dir string) error { return sources.Proteins(dir, 12) },
		script: `cat in/000.fa > out/all || exit
			for f in in/*.fa; do n=${f##*/} n=${n%.fa}
			clustalo --threads=1 -i $f --outfmt=st -o out/$n.sto || exit
			hmmbuild --cpu 0 out/$n.hmm out/$n.sto > out/$n.built || exit
			hmmsearch --cpu 0 --noali -o out/$n.found out/$n.hmm out/all || exit; done`,
		edit: "sed -i 's/A/C/' in/007.fa", rerun: 4,
	},
	{
		// The genome is indexed once; a job is a shell with a pipeline.
		name: "reads", jobs: 8, job: 5, once: 2,
		inputs: func(dir string) error { return sources.Reads(dir, 8) },
		script: `bwa index -p out/genome in/genome.fa 2>/dev/null || exit
			for f in in/*.fq; do n=${f##*/}
			sh -c 'bwa mem out/genome in/$0.fq 2>/dev/null | samtools sort -o out/$0.bam - && samtools index out/$0.bam && samtools flagstat out/$0.bam' ${n%.fq} || exit; done`,
		edit: "sed -i 's/^A/C/' in/003.fq", rerun: 6,
	},
}

// TestRealWorkflows runs workflows with a cache: when one input has changed, the script and one
// job run.
func TestRealWorkflows(t *testing.T) {
	if os.Getenv(realVariable) == "" {
		t.Skipf("hundreds of jobs take a minute: set %s=1, or run make test-real", realVariable)
	}
	for _, w := range workflows {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			w.test(t)
		})
	}
}

func (w *workflow) test(t *testing.T) {
	c := newCached(t, "mkdir out")
	if err := w.inputs(filepath.Join(c.project, "in")); err != nil {
		t.Fatal(err)
	}
	script := []string{"sh", "-c", w.script}
	all := w.jobs*w.job + w.once
	for _, step := range []struct {
		edit string
		run  uint64
	}{
		{edit: "true", run: all},
		{edit: w.edit, run: w.rerun},
		{edit: "touch in/*"},
	} {
		c.native(step.edit)
		cached, fresh := c.do(nil, []string{"--cache", "--no-commit"}, script...), c.do(nil, []string{"--no-commit"}, script...)
		if cached.same() != fresh.same() || fresh.Report.Exit != 0 || fresh.Report.Verdict != "deterministic" {
			t.Fatalf("%s: with a cache\n%s\nwithout\n%s", step.edit, clip(cached.same()), clip(fresh.same()))
		}
		if x := cached.Report.Execs; x.Run != step.run || x.Skipped != all-step.run {
			t.Errorf("%s: %d programs ran, and %d were skipped: %s", step.edit, x.Run, x.Skipped, clip(c.explain()))
		}
	}
}
