package determinize

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"slices"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/memo"
	"laplace.dev/laplace/determinize/policy"
)

// The calls of a replay: what puts an output in place.

// replayCalls are the calls of replays.
var replayCalls = []uint64{
	unix.SYS_OPENAT, unix.SYS_PWRITE64, unix.SYS_FTRUNCATE, unix.SYS_CLOSE, unix.SYS_MKDIRAT, unix.SYS_SYMLINKAT, unix.SYS_MKNODAT, unix.SYS_LINKAT,
	unix.SYS_RENAMEAT2, unix.SYS_UNLINKAT, unix.SYS_FCHMODAT, unix.SYS_FCHOWNAT, unix.SYS_LSETXATTR, unix.SYS_LREMOVEXATTR, unix.SYS_WRITE, unix.SYS_FCNTL,
	unix.SYS_KILL, unix.SYS_EXIT_GROUP,
}

// ReplayCalls are the names of the calls that a process makes in whose place a result of the cache is put: whatever
// filters calls must let it make them.
func ReplayCalls() (names []string) {
	for _, nr := range replayCalls {
		row, _ := policy.Lookup(nr)
		names = append(names, row.Name)
	}
	return names
}

// add adds a call.
func (r *replay) add(c replayCall) { r.calls = append(r.calls, c) }

// makes makes something new.
func (e *engine) makes(t *task, r *replay, o *memo.Output) {
	at := map[int]string{1: o.Path}
	switch o.Form {
	case memo.Dir:
		r.add(replayCall{nr: unix.SYS_MKDIRAT, args: [6]uint64{atCWD, 0, 0o700}, texts: at})
	case memo.Symlink:
		r.add(replayCall{nr: unix.SYS_SYMLINKAT, args: [6]uint64{0, atCWD, 0}, texts: map[int]string{0: o.Target, 2: o.Path}})
	case memo.Fifo:
		r.add(replayCall{nr: unix.SYS_MKNODAT, args: [6]uint64{atCWD, 0, unix.S_IFIFO | uint64(o.Mode)&0o777, 0}, texts: at})
		r.attributes(o)
	case memo.File:
		mode := uint64(0o600)
		if o.Mode&0o200 != 0 {
			mode = uint64(o.Mode) & 0o777
		}
		r.add(replayCall{nr: unix.SYS_MKNODAT, args: [6]uint64{atCWD, 0, unix.S_IFREG | mode, 0}, texts: at, after: func(r *replay, _ int64) { e.fill(t, r, o) }})
		r.attributes(o)
	}
}

// contentOf opens the content of an output; nil if it is not there any more.
func (r *replay) contentOf(o *memo.Output) io.ReadCloser {
	if len(o.Inline) > 0 || o.Size == 0 {
		return io.NopCloser(bytes.NewReader(o.Inline))
	}
	return r.open(o.Content)
}

// dataOf are where the data of an output is.
func dataOf(o *memo.Output) []memo.Extent {
	if o.Sparse {
		return o.Extents
	}
	return []memo.Extent{{Off: 0, Len: o.Size}}
}

// fills writes a content to the file that was opened last, and closes it.
func (r *replay) fills(o *memo.Output) {
	at, extents := int64(0), slices.Clone(dataOf(o))
	var next func(r *replay, ret int64)
	done := func(r *replay) {
		if r.in != nil {
			r.in.Close()
			r.in = nil
		}
		rest := []replayCall{{nr: unix.SYS_CLOSE, args: [6]uint64{r.fd}}}
		if o.Sparse {
			rest = slices.Insert(rest, 0, replayCall{nr: unix.SYS_FTRUNCATE, args: [6]uint64{r.fd, uint64(o.Size)}})
		}
		r.calls = append(rest, r.calls...)
	}
	next = func(r *replay, _ int64) {
		for len(extents) > 0 && extents[0].Len == 0 {
			extents = extents[1:]
		}
		if len(extents) == 0 {
			done(r)
			return
		}
		x := &extents[0]
		data := make([]byte, min(x.Len, maxReplayed))
		if err := r.read(x.Off-at, data); err != nil {
			// The box runs again.
			r.calls = append([]replayCall{{nr: unix.SYS_CLOSE, args: [6]uint64{1 << 30}}}, r.calls...)
			return
		}
		call := replayCall{nr: unix.SYS_PWRITE64, args: [6]uint64{r.fd, 0, uint64(len(data)), uint64(x.Off)}, data: data, after: next}
		x.Off += int64(len(data))
		x.Len -= int64(len(data))
		at = x.Off
		r.calls = append([]replayCall{call}, r.calls...)
	}
	last := &r.calls[len(r.calls)-1]
	opened := last.after
	last.after = func(r *replay, ret int64) {
		if opened != nil {
			opened(r, ret)
		}
		r.in = r.contentOf(o)
		next(r, 0)
	}
}

// read reads on in the content that is open, skip bytes further.
func (r *replay) read(skip int64, data []byte) error {
	if r.in == nil {
		return io.ErrUnexpectedEOF
	}
	if _, err := io.CopyN(io.Discard, r.in, skip); err != nil {
		return err
	}
	_, err := io.ReadFull(r.in, data)
	return err
}

// attributes sets the mode and the extended attributes of something that is no directory.
func (r *replay) attributes(o *memo.Output) {
	at := map[int]string{1: o.Path}
	r.steps = slices.Insert(r.steps, 0, func(r *replay) {
		var st unix.Stat_t
		if unix.Lstat(o.Path, &st) == nil && st.Mode&0o7777 != o.Mode {
			r.add(replayCall{nr: unix.SYS_FCHMODAT, args: [6]uint64{atCWD, 0, uint64(o.Mode)}, texts: at})
		}
		r.tags(o)
	})
}

// tags sets extended attributes.
func (r *replay) tags(o *memo.Output) {
	for _, x := range o.Xattrs {
		// setxattr(path, name, value, size, flags): the value is no argument 1.
		r.add(replayCall{nr: unix.SYS_LSETXATTR, args: [6]uint64{0, 0, 0, uint64(len(x.Value)), 0}, texts: map[int]string{0: o.Path, 1: x.Name, 2: string(x.Value)}})
	}
}

// renames moves something that was there.
func (r *replay) renames(o *memo.Output) {
	r.add(replayCall{nr: unix.SYS_RENAMEAT2, args: [6]uint64{atCWD, 0, atCWD, 0, 0}, texts: map[int]string{1: o.From, 3: o.Path}})
}

// relinks makes another name of a file.
func (r *replay) relinks(o *memo.Output) {
	r.add(replayCall{nr: unix.SYS_LINKAT, args: [6]uint64{atCWD, 0, atCWD, 0, 0}, texts: map[int]string{1: o.SameAs, 3: o.Path}})
}

// removesOld takes away what was there, of a directory with all that is left in it: the whole has
// found it empty when it removed it.
func (e *engine) removesOld(r *replay, path string) {
	flags := uint64(0)
	if _, _, nm := e.nameAtPath(path); nm != nil && nm.kind == nameFolder {
		flags = unix.AT_REMOVEDIR
		entries, errno := e.entriesAt(path)
		if errno != 0 {
			e.fatal = fmt.Errorf("%w: %s: %w", ErrReplay, path, errno)
			return
		}
		for _, entry := range entries {
			if entry.name != "." && entry.name != ".." {
				e.removesOld(r, path+"/"+entry.name)
			}
		}
	}
	r.add(replayCall{nr: unix.SYS_UNLINKAT, args: [6]uint64{atCWD, 0, flags}, texts: map[int]string{1: path}})
}

// changesOld changes what was there.
func (e *engine) changesOld(t *task, r *replay, o *memo.Output) {
	var st unix.Stat_t
	if unix.Lstat(o.Path, &st) != nil {
		e.fatal = fmt.Errorf("%w: %s is missing", ErrReplay, o.Path)
		return
	}
	at := map[int]string{1: o.Path}
	changed := st.Mode&0o7777 != o.Mode
	if o.Wrote {
		if st.Mode&0o600 != 0o600 {
			changed = true
			r.add(replayCall{nr: unix.SYS_FCHMODAT, args: [6]uint64{atCWD, 0, uint64(st.Mode&0o7777 | 0o600)}, texts: at})
		}
		r.add(replayCall{nr: unix.SYS_OPENAT, args: [6]uint64{atCWD, 0, unix.O_WRONLY | unix.O_TRUNC | unix.O_NOFOLLOW | unix.O_CLOEXEC, 0},
			texts: at, after: func(r *replay, fd int64) { r.fd = uint64(fd) }})
		r.fills(o)
	}
	if o.Retagged {
		for _, x := range e.allXattrs(unix.AT_FDCWD, o.Path) {
			if !slices.ContainsFunc(o.Xattrs, func(y memo.Xattr) bool { return x.Name == y.Name }) {
				r.add(replayCall{nr: unix.SYS_LREMOVEXATTR, texts: map[int]string{0: o.Path, 1: x.Name}})
			}
		}
		r.tags(o)
	}
	const lost = unix.S_ISUID | unix.S_ISGID // by writing
	if o.Form == memo.File && (changed || o.Wrote && o.Mode&lost != 0) {
		r.add(replayCall{nr: unix.SYS_FCHMODAT, args: [6]uint64{atCWD, 0, uint64(o.Mode)}, texts: at})
	}
	e.owns(r, o, &st)
	if len(r.calls) == 0 {
		e.copiesUp(t, r, o)
	}
}

// copiesUp has the overlay copy something of which only the times were changed, or nothing in the
// end. Where the whole did not change it either, as a directory in which names came and went, it must not
// look as if anybody had: the engine does that. A container's files are where they stay.
func (e *engine) copiesUp(t *task, r *replay, o *memo.Output) {
	if e.cfg.Users {
		return
	}
	if e.be(t); !o.Touched && o.Form == memo.Dir && fchmodat(unix.AT_FDCWD, o.Path, o.Mode) == nil {
		return
	}
	const keep = math.MaxUint32
	at := map[int]string{1: o.Path}
	if o.Form == memo.Symlink {
		r.add(replayCall{nr: unix.SYS_FCHOWNAT, args: [6]uint64{atCWD, 0, keep, keep, unix.AT_SYMLINK_NOFOLLOW}, texts: at})
		return
	}
	r.add(replayCall{nr: unix.SYS_FCHMODAT, args: [6]uint64{atCWD, 0, uint64(o.Mode)}, texts: at})
}

// owns gives a file to its owner.
func (e *engine) owns(r *replay, o *memo.Output, st *unix.Stat_t) {
	uid, gid := st.Uid, st.Gid
	if n := e.fs.Find(st); n != nil && !e.cfg.Users {
		uid, gid = n.Owner.UID, n.Owner.GID
	}
	if uid != o.UID || gid != o.GID {
		r.add(replayCall{nr: unix.SYS_FCHOWNAT, args: [6]uint64{atCWD, 0, uint64(o.UID), uint64(o.GID), unix.AT_SYMLINK_NOFOLLOW}, texts: map[int]string{1: o.Path}})
	}
}

// permits gives a directory its mode, attributes and owner, when nothing is made in it any more.
func (e *engine) permits(t *task, r *replay, o *memo.Output) {
	var st unix.Stat_t
	if unix.Lstat(o.Path, &st) != nil {
		e.fatal = fmt.Errorf("%w: %s is missing", ErrReplay, o.Path)
		return
	}
	if o.New {
		r.tags(o)
		e.owns(r, o, &st)
	}
	if st.Mode&0o7777 != o.Mode {
		r.add(replayCall{nr: unix.SYS_FCHMODAT, args: [6]uint64{atCWD, 0, uint64(o.Mode)}, texts: map[int]string{1: o.Path}})
	}
	if !o.New {
		e.copiesUp(t, r, o)
	}
}

// writes writes to what was inherited.
func (r *replay) writes(wr *memo.Write) {
	if wr.Sets {
		r.add(replayCall{nr: unix.SYS_FCNTL, args: [6]uint64{uint64(wr.FD), unix.F_SETFL, uint64(wr.Flags)}, at: wr.B, known: r.knows(wr.Known)})
		return
	}
	for data := wr.Data; ; {
		n := min(len(data), maxReplayed)
		r.add(replayCall{nr: unix.SYS_WRITE, args: [6]uint64{uint64(wr.FD), 0, uint64(n)}, data: append([]byte{}, data[:n]...), at: wr.B, known: r.knows(wr.Known)})
		if data = data[n:]; len(data) == 0 {
			return
		}
	}
}
