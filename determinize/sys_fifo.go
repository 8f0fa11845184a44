package determinize

import (
	"strconv"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/vfs"
)

// fifoOpens is how often the ends of a FIFO were opened, for those who wait
// for the other end, and how many writers wait.
type fifoOpens struct {
	readers, writers uint64
	waiting          int
}

// openFIFO opens a FIFO. An open that waits for the other end waits here, not
// in the kernel, which is asked not to wait: a reader stays closed until a
// writer is there or waits, a writer until the kernel knows of a reader.
func (e *engine) openFIFO(t *task, o opening, st *unix.Stat_t) verdict {
	if v, wait := e.order(t); wait {
		return v
	}
	if st.Dev == e.pipes {
		return run() // an anonymous pipe, by its link in /proc: never waits
	}
	k := vfs.KeyOf(st)
	f := e.fifos[k]
	if f == nil {
		f = &fifoOpens{}
		e.fifos[k] = f
	}
	if e.channelOf(k) != nil && !e.held(k) {
		delete(e.channels, k) // what is left when the last descriptor closes is lost
	}
	mode := o.flags & unix.O_ACCMODE
	waits := o.flags&unix.O_NONBLOCK == 0 && o.flagsArg >= 0
	count := func(ret int64) {
		if ret >= 0 {
			if mode != unix.O_WRONLY {
				f.readers++
			}
			if mode != unix.O_RDONLY {
				f.writers++
			}
		}
	}
	if !waits || mode == unix.O_RDWR {
		return runThen(count)
	}
	if mode == unix.O_RDONLY {
		seen := f.writers
		if !t.looked {
			t.looked, t.seenWriters = true, seen
		}
		if f.waiting == 0 && f.writers == t.seenWriters && !fifoHasWriters(o.w) {
			w := o.w.raw
			at := t.seenWriters
			return block("a writer of "+strconv.Quote(w), func() bool { return f.waiting > 0 || f.writers != at })
		}
		came := f.writers != t.seenWriters
		e.setArg(t, o.flagsArg, uint64(o.flags|unix.O_NONBLOCK))
		return runThen(func(ret int64) {
			count(ret)
			if ret < 0 {
				return
			}
			e.setBlocking(t, int32(ret))
			if came || e.hasWriters(t, int32(ret)) {
				return
			}
			// The writer that waits opens next.
			at := f.writers
			t.ready = func() bool { return f.writers != at }
			t.then = func() verdict { return verdict{do: doResume} }
			t.broken = t.then
			t.why = "a writer of a FIFO"
			e.park(t, stateBlocked)
		})
	}
	e.setArg(t, o.flagsArg, uint64(o.flags|unix.O_NONBLOCK))
	return runThen(func(ret int64) {
		count(ret)
		if ret >= 0 {
			e.setBlocking(t, int32(ret))
		}
		if ret != -int64(unix.ENXIO) {
			return
		}
		f.waiting++
		seen := f.readers
		t.ready = func() bool { return f.readers != seen }
		t.then = func() verdict {
			f.waiting--
			return e.again(t)
		}
		t.broken = func() verdict {
			f.waiting--
			return e.restartAtExit(t)
		}
		t.why = "a reader of a FIFO"
		e.park(t, stateBlocked)
	})
}

// fifoHasWriters tells whether a FIFO has a writer, without keeping it open.
// Nothing ever is in the kernel's FIFO: a read finds its end, or nothing yet.
func fifoHasWriters(w where) bool {
	fd, err := unix.Openat(w.dir, w.path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	var b [1]byte
	_, err = unix.Read(fd, b[:])
	return err == unix.EAGAIN
}

// setBlocking undoes the O_NONBLOCK with which a descriptor was opened.
func (e *engine) setBlocking(t *task, fd int32) {
	local, errno := e.borrow(t, fd)
	if errno != 0 {
		return
	}
	defer unix.Close(local)
	if fl, err := unix.FcntlInt(uintptr(local), unix.F_GETFL, 0); err == nil {
		unix.FcntlInt(uintptr(local), unix.F_SETFL, fl&^unix.O_NONBLOCK)
	}
}

// held tells whether any task has a file open.
func (e *engine) held(k vfs.Key) bool {
	for _, t := range e.tasks {
		dir := strconv.Itoa(t.pid) + "/fd"
		fd, err := unix.Openat(e.procFD(), dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			continue
		}
		buf := make([]byte, 1<<16)
		for {
			n, err := unix.Getdents(fd, buf)
			if err != nil || n == 0 {
				break
			}
			entries, errno := parseDirents(buf[:n], nil)
			if errno != 0 {
				break
			}
			for _, d := range entries {
				var st unix.Stat_t
				if unix.Fstatat(fd, d.name, &st, 0) == nil && vfs.KeyOf(&st) == k {
					unix.Close(fd)
					return true
				}
			}
		}
		unix.Close(fd)
	}
	return false
}
