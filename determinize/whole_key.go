package determinize

import (
	"crypto/sha256"
	"fmt"
	"strings"

	"laplace.dev/laplace/determinize/memo"
)

// keyOf is the digest of all that is known of an exec before it runs and that is no input: the
// program, its command line and environment, where it is, who it is, what it has inherited.
func (e *engine) keyOf(t *task, w *whole, x *execution, env []string, digest [32]byte) memo.Digest {
	h := sha256.New()
	salt := e.cfg.Cache.Salt()
	h.Write(salt[:])
	hashTexts(h, x.argv...)
	hashTexts(h, env...)
	hashTexts(h, x.cwd, x.path)
	if w.up == nil {
		hashTexts(h, string(e.cfg.StdinDigest))
	}
	h.Write(digest[:])
	hashTexts(h, e.inheritsAll(t, w), e.stateText(t))
	switch {
	case len(t.kids) > 0 || t.kidAny:
		w.cannot("its process has had children before")
	case len(t.timers) > 0:
		w.cannot("its process has timers")
	case len(t.inbox) > 0 || len(t.mailed) > 0 || t.raised && e.deliverable(t):
		w.cannot("a signal waits for it")
	case t.threaded():
		w.cannot("its process has threads")
	}
	return memo.Digest(h.Sum(nil))
}

// stateText is what else a process begins with, of what programs can find out or that changes
// what calls do.
func (e *engine) stateText(t *task) string {
	var b strings.Builder
	if text, errno := e.readProc(fmt.Sprint(t.pid) + "/status"); errno == 0 {
		for line := range strings.Lines(string(text)) {
			name, _, _ := strings.Cut(line, ":")
			switch name {
			case "Umask", "SigBlk", "SigIgn", "SigPnd", "ShdPnd":
				b.WriteString(line)
			case "Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs":
				if e.cfg.Users {
					b.WriteString(line)
				}
			}
		}
	}
	fmt.Fprintf(&b, "limits %v nice %d cpus %x dump %d death %d session %t group %t subreaper %t\n", t.limits, t.nice, t.cpus, t.dump, t.parentDeath,
		t.sid == t.vpid, t.pgid == t.vpid, t.orphans != nil)
	return b.String()
}
