package determinize

import (
	"strconv"

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

// dates gives one of them its time: what was looked at, and nothing that somebody outside, who has the same
// directory, puts in its place.
func (e *engine) dates(n *vfs.Inode, path string) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || e.fs.Find(&st) != n {
		return
	}
	ts := unix.NsecToTimespec(e.epoch() + n.Mtime)
	_ = unix.UtimesNanoAt(e.procFD(), "self/fd/"+strconv.Itoa(fd), []unix.Timespec{ts, ts}, 0) // read-only by now
}
