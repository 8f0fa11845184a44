package integration

import (
	"path/filepath"
	"testing"
)

// testCached runs the program twice with a cache: what comes of it is what comes of it without, when it is stored and
// when it is skipped.
func (p *program) testCached(t *testing.T) {
	first := p.boxed(t)
	home := p.scratch(t, "cached", -1)
	for _, what := range []string{"stored", "skipped"} {
		p.fill(t, copyOptions{Owner: -1})
		out := filepath.Join(home, what)
		r, rep := p.do(t, what, plainCaller(home), home, "--cache", "--out", out)
		if rep.Execs.Skipped > 0 {
			// The record says what programs did, and these did nothing.
			rep.Execs, rep.Record.Digest = first.report.Execs, first.report.Record.Digest
		}
		diffResults(t, what, first.result, r)
		diffReports(t, what, first.report, rep)
		diffTrees(t, what+": --out", first.out, p.tree(t, out, true))
	}
}

// TestRealCached runs every program of TestPrograms with a cache.
func TestRealCached(t *testing.T) {
	for _, p := range loadPrograms(t) {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			p.testCached(t)
		})
	}
}
