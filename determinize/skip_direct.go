package determinize

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/conflict"
	"laplace.dev/laplace/determinize/memo"
)

// Most calls of a replay, those that have nothing but paths, the engine makes in the process's
// place: they are judged by their handlers as if the process had come to them, and nobody is
// stopped for them. What does not find its turn, or is refused, is left to the process.

// directCalls make a call for a process. The engine's thread has the process's rights to files.
var directCalls = map[uint64]func(c *replayCall) error{
	unix.SYS_MKDIRAT: func(c *replayCall) error {
		return mkdirat(unix.AT_FDCWD, c.texts[1], uint32(c.args[2]))
	},
	unix.SYS_MKNODAT: func(c *replayCall) error {
		return unbroken(func() error { return unix.Mknodat(unix.AT_FDCWD, c.texts[1], uint32(c.args[2]), 0) })
	},
	unix.SYS_SYMLINKAT: func(c *replayCall) error {
		return unbroken(func() error { return unix.Symlinkat(c.texts[0], unix.AT_FDCWD, c.texts[2]) })
	},
	unix.SYS_LINKAT: func(c *replayCall) error {
		return linkat(unix.AT_FDCWD, c.texts[1], unix.AT_FDCWD, c.texts[3], 0)
	},
	unix.SYS_RENAMEAT2: func(c *replayCall) error {
		return renameat2(unix.AT_FDCWD, c.texts[1], unix.AT_FDCWD, c.texts[3], 0)
	},
	unix.SYS_UNLINKAT: func(c *replayCall) error {
		return unlinkat(unix.AT_FDCWD, c.texts[1], int(c.args[2]))
	},
	unix.SYS_FCHMODAT: func(c *replayCall) error {
		return fchmodat(unix.AT_FDCWD, c.texts[1], uint32(c.args[2]))
	},
}

// makesItself makes the next call of a replay for a task that is between two calls; it tells
// whether it could.
func (e *engine) makesItself(t *task, r *replay) bool {
	c := &r.now
	make := directCalls[c.nr]
	if make == nil || e.inotifies > 0 || e.serial || e.ended || e.paused.Load() || e.alone != nil || e.root.state == stateDead || e.fatal != nil {
		return false
	}
	t.clk.Reset(r.w.start.world, r.w.start.over, c.known)
	t.call.Nr, t.call.Args = c.nr, c.args
	t.fresh, t.paths, t.turn = true, [2]readPath{}, false
	e.comesTo(t)
	r.count++
	n := 0
	for i, text := range c.texts {
		// Paths are not read from its memory.
		at := r.sp - replayTexts + uint64(i)
		t.call.Args[i] = at
		if n < len(t.paths) {
			t.paths[n] = readPath{addr: at, path: text}
		}
		n++
	}
	e.be(t)
	e.deciding = t
	e.refusal, t.inOrder, e.about = false, false, nil
	v := e.judge(t)
	dirty := t.dirty
	if t.dirty, t.fresh = false, false; dirty {
		return false
	}
	ret := v.ret
	switch v.do {
	case doRun, doRunThen:
		mask := unix.Umask(0)
		err := make(c)
		unix.Umask(mask)
		if err == unix.EPERM || err == unix.EACCES {
			return false // of the engine
		}
		ret = -int64(errnoOf(err))
		if v.exit != nil {
			v.exit(ret)
		}
	case doAnswer:
	default:
		return false
	}
	e.hasMade(t, r, ret)
	return true
}

// fillsNew gives a file that has just been made its content.
func (e *engine) fillsNew(t *task, r *replay, o *memo.Output) error {
	fd, err := openFile(o.Path, unix.O_WRONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	n := e.fs.Find(&st)
	if n == nil || !n.Made {
		return errors.New("it is not the file that has been made")
	}
	e.writesContent(t, n, conflict.Change)
	in := r.contentOf(o)
	if in == nil {
		return errors.New("its content is not in the cache any more")
	}
	defer in.Close()
	at := int64(0)
	for _, x := range dataOf(o) {
		if _, err := io.CopyN(io.Discard, in, x.Off-at); err != nil {
			return err
		}
		if err := copyTo(fd, x.Off, in, x.Len); err != nil {
			return err
		}
		at = x.Off + x.Len
	}
	if o.Sparse {
		if err := unix.Ftruncate(fd, o.Size); err != nil {
			return err
		}
	}
	e.wrote(t, n)
	return nil
}

// copyTo writes n bytes of a content to a place in a file.
func copyTo(fd int, at int64, in io.Reader, n int64) error {
	buf := make([]byte, min(n, maxReplayed))
	for n > 0 {
		part := buf[:min(n, maxReplayed)]
		if _, err := io.ReadFull(in, part); err != nil {
			return err
		}
		n -= int64(len(part))
		for len(part) > 0 {
			done, err := unix.Pwrite(fd, part, at)
			if err != nil {
				return err
			}
			part, at = part[done:], at+int64(done)
		}
	}
	return nil
}

// fill has the engine give a new file its content.
func (e *engine) fill(t *task, r *replay, o *memo.Output) {
	if err := e.fillsNew(t, r, o); err != nil {
		e.fatal = fmt.Errorf("%w: %s: %w", ErrReplay, o.Path, err)
	}
}
