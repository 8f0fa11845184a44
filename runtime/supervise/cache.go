package supervise

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize"
	"laplace.dev/laplace/determinize/cpuid"
	"laplace.dev/laplace/determinize/memo"
	"laplace.dev/laplace/oci"
	"laplace.dev/laplace/runtime/boxcache"
	"laplace.dev/laplace/runtime/container"
)

// A container with the annotation oci.AnnotationCache is one whose execs are skipped as a box's are.
// Skipped ones make their files in the container's root, as they would have: whoever has made
// the container finds them there.

// opensCache gives a container the cache that it asks for, or notes why not.
func (w *warden) opensCache(cfg *determinize.Config) {
	mode := boxcache.Mode(oci.CacheMode(w.s.Spec.Annotations))
	if mode == boxcache.Off {
		return
	}
	var spec specs.Spec
	if err := json.Unmarshal(w.s.Config, &spec); err != nil {
		w.uncached = err.Error()
		return
	}
	w.uncached = cannotCache(w.s, &spec)
	if w.uncached != "" {
		return
	}
	salt, err := saltOf(w.s, &spec, cfg)
	if err == nil {
		w.cache, err = boxcache.Open(w.s.Cache, mode, salt, w.log)
	}
	if err != nil {
		w.uncached = err.Error()
		return
	}
	cfg.Cache, cfg.Record = w.cache, true
	cfg.NoSkips, cfg.Verify = mode == boxcache.Write, mode == boxcache.Verify
	if w.s.Streams[0] < 0 && isNull(w.s.Stdio[0]) {
		cfg.StdinDigest = []byte("/dev/null")
	}
}

// cannotCache says why a container cannot have a cache; "" if it can.
func cannotCache(s *container.Supervision, spec *specs.Spec) string {
	switch filter := spec.Linux.Seccomp; {
	case s.Cache == "":
		return "there is no directory for it: HOME is not set; set XDG_STATE_HOME"
	case s.Terminal >= 0:
		return "process.terminal: somebody may type at any time"
	case filter != nil:
		for _, name := range determinize.ReplayCalls() {
			if !allows(filter, name) {
				return "linux.seccomp: it does not allow " + name + ", by which results are put in place"
			}
		}
	}
	return ""
}

// allows tells whether a filter has a call run, whatever its arguments are.
func allows(filter *specs.LinuxSeccomp, name string) bool {
	is := func(a specs.LinuxSeccompAction) bool { return a == specs.ActAllow || a == specs.ActLog }
	allowed := is(filter.DefaultAction)
	for _, rule := range filter.Syscalls {
		switch {
		case !slices.Contains(rule.Names, name):
		case !is(rule.Action):
			return false
		case len(rule.Args) == 0:
			allowed = true
		}
	}
	return allowed
}

// isNull tells whether a descriptor is the null device's.
func isNull(fd int) bool {
	var st unix.Stat_t
	return fd >= 0 && unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Rdev == unix.Mkdev(1, 3)
}

// saltOf is the digest of what all of a container's execs depend on, and that none looks up as a
// file: its configuration, but for what is each exec's own and what nobody inside can find out;
// the CPU; Laplace itself.
func saltOf(s *container.Supervision, spec *specs.Spec, cfg *determinize.Config) (memo.Digest, error) {
	const format = 1 // of what is hashed here
	self, err := cfg.Executables.Self()
	if err != nil {
		return memo.Digest{}, fmt.Errorf("digest of laplace: %w", err)
	}
	text, err := json.Marshal([]any{format, self, cpuid.This(), seen(spec), hidden(spec.Mounts), cfg.LastPID, s.Streams[0] >= 0, isNull(s.Stdio[0])})
	return sha256.Sum256(text), err
}

// seen is a configuration without what nobody in the container can find out, and what is each
// exec's own.
func seen(spec *specs.Spec) *specs.Spec {
	c := *spec
	p := *spec.Process
	p.Args, p.CommandLine, p.Env, p.Cwd = nil, "", nil, ""
	c.Process, c.Hooks = &p, nil
	c.Root = &specs.Root{Readonly: spec.Root.Readonly}
	c.Mounts = slices.Clone(spec.Mounts)
	for i := range c.Mounts {
		c.Mounts[i].Source = ""
	}
	slices.SortStableFunc(c.Mounts, func(a, b specs.Mount) int { return strings.Compare(a.Destination, b.Destination) })
	c.Annotations = make(map[string]string)
	for name, value := range spec.Annotations {
		if strings.HasPrefix(name, oci.AnnotationPrefix) && name != oci.AnnotationCache && name != oci.AnnotationReport && name != oci.AnnotationOnConflict {
			c.Annotations[name] = value
		}
	}
	linux := *spec.Linux
	linux.CgroupsPath = ""
	c.Linux = &linux
	return &c
}

// hidden are the mounts that a later one covers: the order of all others makes no difference.
func hidden(mounts []specs.Mount) (below []string) {
	for i, m := range mounts {
		for _, later := range mounts[i+1:] {
			if over := filepath.Clean(later.Destination); over != "/" && strings.HasPrefix(filepath.Clean(m.Destination)+"/", over+"/") {
				below = append(below, m.Destination+" "+over)
			}
		}
	}
	slices.Sort(below)
	return below
}

// caches keeps the results of a container that is deterministic, or says that kept ones were
// wrong.
func (w *warden) caches(found *determinize.Report, v *Verdict) {
	if w.cache == nil {
		return
	}
	w.cache.PutAway(found.Mismatches)
	w.cache.PutAway(found.Unfit)
	for _, m := range found.Mismatches {
		v.Taints = append(v.Taints, Taint{Kind: "cache", Detail: "the cache was wrong: " + m.What + "; the result is put away", Exec: strings.Join(m.Argv, " ")})
	}
	if err := w.cache.Store(found.Memos); err != nil {
		v.Uncached = fmt.Sprintf("not all could be kept: %v; laplace cache gc makes room", err)
	}
}
