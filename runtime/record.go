package runtime

import (
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"laplace.dev/laplace/conflict"
	"laplace.dev/laplace/determinize"
	"laplace.dev/laplace/runs"
)

// A Record says where the record of a run is, which `laplace runs` lists.
type Record struct {
	// ID is its name; empty if there is none. It differs from run to run.
	ID string `json:"id"`
	// Digest is that of what is the same from run to run: of the summary and the execs.
	Digest string `json:"digest"`
	// Missing says why there is none.
	Missing string `json:"missing"`
}

// Runs is the store of the runs in a state directory.
func Runs(state string) *runs.Store {
	return runs.Open(filepath.Join(state, "v"+strconv.Itoa(Format), "runs"))
}

// noRecord is Record.Missing of a run of which none was to be kept.
const noRecord = "none is kept of such a run"

// record keeps the record of the run. What comes of that does not matter to the run: if there
// is none, the report and a warning say so.
func (s *supervisor) record(out *Outcome, r *determinize.Report) {
	rep := &out.Report.Record
	if !s.box.Record {
		rep.Missing = noRecord
		return
	}
	run := s.runOf(r, out)
	var digest conflict.Digest
	var err error
	for range 10 {
		run.ID = newRunID(time.UnixMilli(run.Started))
		if digest, err = Runs(s.box.State).Write(run); !errors.Is(err, runs.ErrExists) {
			break
		}
	}
	if err != nil {
		rep.Missing = err.Error()
		out.Warnings = append(out.Warnings, fmt.Sprintf("the run has no record: %v; laplace runs rm makes room, another XDG_STATE_HOME is another place", err))
		return
	}
	rep.ID, rep.Digest = run.ID, digest.String()
}

// runOf is the record of the run, but for its ID.
func (s *supervisor) runOf(r *determinize.Report, out *Outcome) *conflict.Run {
	rep := &out.Report
	run := &conflict.Run{
		Host: conflict.Host{
			Started: s.start.Add(-s.attempt.Took).UnixMilli(), Wall: rep.WallMS, Attempts: rep.Attempts, Project: s.box.Project,
		},
		Summary: conflict.Summary{
			Command: rep.Command, Cwd: s.box.Spec.Process.Cwd, Verdict: rep.Verdict, Exit: out.Exit,
			Total: r.Execs, Ticks: r.Ticks, Tree: rep.Tree, Stdout: rep.Stdout, Stderr: rep.Stderr,
		},
		Conflicts: rep.Conflicts, Cached: r.Cached, Execs: r.Records,
	}
	for _, t := range rep.Taints {
		run.Taints = append(run.Taints, conflict.Taint(t))
	}
	return run
}

// newRunID makes an ID of a run that began at a time: that sorts like it.
func newRunID(start time.Time) string {
	var b [5]byte
	_, _ = rand.Read(b[:]) // never fails
	random := strings.ToLower(base32.StdEncoding.EncodeToString(b[:]))
	return strings.Replace(start.UTC().Format("20060102-150405.000-"), ".", "", 1) + random[:3]
}
