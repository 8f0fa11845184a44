package runtime

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"laplace.dev/laplace/determinize"
	"laplace.dev/laplace/determinize/cpuid"
	"laplace.dev/laplace/determinize/memo"
	"laplace.dev/laplace/runtime/boxcache"
)

// CacheDir is where the cache of a state directory is.
func CacheDir(state string) string {
	return filepath.Join(state, "v"+strconv.Itoa(Format), "cache")
}

// RemoveCache removes the cache of a state directory, whatever is in its place. Boxes that use it
// go on without.
func RemoveCache(state string) error { return os.RemoveAll(CacheDir(state)) }

// cache opens the cache that the box asks for; nil if it has none.
func (s *supervisor) cache() *boxcache.Cache {
	b := s.box
	if b.Cache == boxcache.Off || b.Canonical || b.Trace != nil || b.Disturb != nil && !b.Disturb.ScheduleOnly || len(b.Unpinned) > 0 || b.Unwatched || b.Terminal ||
		b.StdinKind == StdinLive || b.Costs != nil || b.Writers || !b.Record {
		return nil
	}
	var c *boxcache.Cache
	salt, err := s.salt()
	if err == nil {
		c, err = boxcache.Open(CacheDir(b.State), b.Cache, salt, s.log)
	}
	if err != nil {
		s.warnings = append(s.warnings, fmt.Sprintf("the cache is not used: %v; laplace cache rm makes a new one", err))
		return nil
	}
	return c
}

// salt is the digest of what of a box is the same for all of its execs: its configuration but for
// the command, the CPU, and Laplace.
func (s *supervisor) salt() (memo.Digest, error) {
	self, err := s.executables.Self()
	if err != nil {
		return memo.Digest{}, fmt.Errorf("digest of laplace: %w", err)
	}
	h := sha256.New()
	h.Write(self[:])
	spec := s.box.Spec
	annotations := spec.Annotations
	for _, part := range []any{
		Format, cpuid.This(), annotations, spec.Hostname, spec.Domainname, spec.Process.User, spec.Process.Rlimits, s.init.reply.PIDMax,
		mountsOf(spec), s.box.StdinKind,
	} {
		text, err := json.Marshal(part)
		if err != nil {
			return memo.Digest{}, err
		}
		h.Write(append(text, '\n'))
	}
	return memo.Digest(h.Sum(nil)), nil
}

// maxMismatches is how many results that are wrong are told of one by one.
const maxMismatches = 10

// verified deals with results in the cache that are wrong: they are put away, and the run fails.
func (s *supervisor) verified(out *Outcome, wrong []determinize.Mismatch) {
	if len(wrong) == 0 {
		return
	}
	s.cached.PutAway(wrong)
	for _, m := range wrong[:min(len(wrong), maxMismatches)] {
		out.Warnings = append(out.Warnings, fmt.Sprintf("the cache was wrong about %s: %s; the result is put away", strings.Join(m.Argv, " "), m.What))
	}
	s.refused, out.Exit, out.Report.Exit = true, ExitFailure, ExitFailure
}
