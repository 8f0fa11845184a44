package determinize

import (
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/vfs"
)

// Restamp gives the files that the box has made or changed, where they are, the modification
// times that its processes have seen, after Wait and before Leave. In a box whose changes are
// taken out of a layer nobody needs it. What has gone meanwhile is left out.
func (r *Run) Restamp() {
	done := make(chan struct{})
	r.asks <- func() {
		defer close(done)
		r.e.restamp()
	}
	<-done
}

func (e *engine) restamp() {
	if e.cfg.Users {
		if err := e.become(&creds{caps: ^uint64(0)}); err != nil {
			e.log.Warn("files keep the dates of the host", "err", err)
			return
		}
	}
	for n, at := range e.places {
		if n.Stamped() && !n.Gone() {
			e.dates(n, at.in.below(at.base))
		}
	}
	for n, d := range e.folders {
		if n.Stamped() && !n.Gone() {
			e.dates(n, d.path())
		}
	}
}

// dates gives one of them its time.
func (e *engine) dates(n *vfs.Inode, path string) {
	var st unix.Stat_t
	if unix.Lstat(path, &st) != nil || e.fs.Find(&st) != n {
		return
	}
	ts := unix.NsecToTimespec(e.epoch() + n.Mtime)
	_ = unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{ts, ts}, unix.AT_SYMLINK_NOFOLLOW) // read-only by now
}
