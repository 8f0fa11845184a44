package determinize

import (
	"slices"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/conflict"
	"laplace.dev/laplace/determinize/policy"
	"laplace.dev/laplace/determinize/sched"
	"laplace.dev/laplace/determinize/vfs"
)

// Accesses to files, as they are told to the detector of conflicts. What a call looks up by
// a path is noted before it is decided (pathCalls); what it does to what it found, where its
// handler knows that: reads and writes of content, names that come and go.

// leads tells whether links at the end of a path are followed.
func (e *engine) leads(t *task, p *pathArg) bool {
	flags := t.arg(p.flags)
	switch p.links {
	case stays:
		return false
	case unlessFlag:
		return flags&unix.AT_SYMLINK_NOFOLLOW == 0
	case ifFlag:
		return flags&unix.AT_SYMLINK_FOLLOW != 0
	case unlessWatch:
		return flags&unix.IN_DONT_FOLLOW == 0
	case asOpenedHow:
		var how unix.OpenHow
		if e.tr.ReadFull(t.pid, flags, bytesOf(&how)) != 0 {
			return true // the call fails
		}
		flags = how.Flags
		fallthrough
	case asOpened:
		const exclusive = unix.O_CREAT | unix.O_EXCL
		return flags&unix.O_NOFOLLOW == 0 && flags&exclusive != exclusive
	}
	return true
}

// staysBelow tells whether a struct open_how asks that the root directory be the one that a path
// starts from: RESOLVE_IN_ROOT.
func (e *engine) staysBelow(t *task, how uint64) bool {
	var h unix.OpenHow
	return e.tr.ReadFull(t.pid, how, bytesOf(&h)) == 0 && h.Resolve&unix.RESOLVE_IN_ROOT != 0
}

// looksUp notes what a call looks up by its paths. It holds the task back while somebody
// could come before it who accesses the same in order.
func (e *engine) looksUp(t *task) (verdict, bool) {
	args := pathCalls[t.call.Nr]
	if len(args) == 0 || t.exec == nil {
		return verdict{}, false
	}
	defer func() { e.within = nil }()
	for i := range args {
		p := &args[i]
		dirfd := int32(unix.AT_FDCWD)
		if p.dirfd != cwd {
			dirfd = t.fd(p.dirfd)
		}
		path, errno := e.pathString(t, t.arg(p.path))
		if errno != 0 || path == "" {
			if d := e.start(t, dirfd); dirfd == unix.AT_FDCWD && errno == 0 && p.dirfd != cwd && d != nil && !d.fixed {
				for _, a := range p.reads {
					e.onFile(t, d.node, a, conflict.Read)
				}
			} else if p.dirfd != cwd {
				if v, wait := e.looksAt(t, dirfd, p.reads); wait {
					return v, true
				}
			}
			continue
		}
		var from *folder
		if path[0] != '/' {
			if from = e.start(t, dirfd); from == nil {
				if in := e.dirOfProc(t, dirfd); in != "" {
					path = in + "/" + path
				}
			}
			if from == nil && path[0] != '/' {
				// It fails, or leads from where nothing has a name: as it would not otherwise.
				if n := e.removedStart(t, dirfd); n != nil {
					e.onFile(t, n, conflict.Metadata, conflict.Read)
				}
				continue
			}
		} else {
			path = t.own(path)
		}
		links := e.leads(t, p)
		e.within = nil
		if p.links == asOpenedHow && e.staysBelow(t, t.arg(p.flags)) {
			if e.within = e.start(t, dirfd); e.within == nil {
				continue
			}
			from = e.within
		}
		if v, wait := e.pathTurn(t, from, path, links); wait {
			return v, true
		}
		t.alien = nil
		f := e.reads(t, from, path, links, p.reads)
		if v, wait := e.alienTurn(t); wait {
			return v, true
		}
		if f.proc {
			e.throughProc(t, dirfd, path, links, p.reads)
		}
		if nr := t.call.Nr; nr == unix.SYS_MKDIR || nr == unix.SYS_MKDIRAT {
			// Its number is made from its path.
			if v, wait := e.readsWay(t, f.in); wait {
				return v, true
			}
		}
		if f.name != nil && f.node == nil && f.name.kind == nameFile && f.name.public && (p.links != asOpened || t.arg(p.flags)&unix.O_ACCMODE != unix.O_WRONLY) && opensIt[t.call.Nr] {
			e.sawContent(t, nil, f.name)
		}
	}
	return verdict{}, false
}

// pathTurn holds a task back that looks up a path on which something is accessed in order.
func (e *engine) pathTurn(t *task, from *folder, path string, links bool) (verdict, bool) {
	if len(e.ordered) == 0 {
		return verdict{}, false
	}
	ordered := false
	f := e.follow(t, from, path, links, func(_ *folder, _ string, nm *name) { ordered = ordered || nm.ordered })
	if n := f.node; ordered || n != nil && n.Accesses != nil && n.Accesses.Ordered || f.in != nil && e.ordered[f.in.path()] {
		return e.takesTurn(t)
	}
	return verdict{}, false
}

// readsPath is reads of a path that is no argument by itself, when it is the task's turn.
func (e *engine) readsPath(t *task, path string, links bool, asked []conflict.Aspect) (verdict, bool) {
	from := e.start(t, unix.AT_FDCWD)
	if t.exec == nil || path == "" || from == nil && path[0] != '/' || e.cfg.Unwatched {
		return verdict{}, false
	}
	if v, wait := e.pathTurn(t, from, t.own(path), links); wait {
		return v, true
	}
	e.reads(t, from, t.own(path), links, asked)
	return verdict{}, false
}

// reads notes what a task looks up by a path, and asks of what it finds.
func (e *engine) reads(t *task, from *folder, path string, links bool, asked []conflict.Aspect) found {
	if from != nil && !from.fixed && path[0] != '/' {
		e.onFile(t, from.node, conflict.Metadata, conflict.Read) // may it pass?
	}
	f := e.follow(t, from, path, links, func(d *folder, base string, nm *name) {
		if nm.kind == nameLink {
			e.sawName(t, d, base, nm)
		}
		if d.fixed {
			return
		}
		e.onName(t, d, base, nm, conflict.Read)
		if nm.kind == nameFolder && !nm.folder.fixed {
			e.onFile(t, nm.node, conflict.Metadata, conflict.Read) // may it pass?
		}
	})
	if f.name != nil {
		e.sawName(t, f.in, f.base, f.name)
	}
	for _, a := range asked {
		if f.node != nil && (a != conflict.Listing || f.name != nil && f.name.kind == nameFolder) {
			e.onFile(t, f.node, a, conflict.Read)
		}
	}
	return f
}

// readsWay notes that a task asks which names lead to a directory.
func (e *engine) readsWay(t *task, d *folder) (verdict, bool) {
	if d == nil || t.exec == nil {
		return verdict{}, false
	}
	for at := d; at.up != at; at = at.up {
		if nm := at.up.names[at.base]; nm != nil && nm.ordered {
			if v, wait := e.takesTurn(t); wait {
				return v, true
			}
			break
		}
	}
	for ; d.up != d; d = d.up {
		if nm := d.up.names[d.base]; nm != nil && !d.up.fixed {
			e.onName(t, d.up, d.base, nm, conflict.Read)
		}
	}
	return verdict{}, false
}

// looksAt notes what a call asks of what one of its descriptors leads to.
func (e *engine) looksAt(t *task, fd int32, reads []conflict.Aspect) (verdict, bool) {
	var st unix.Stat_t
	if len(reads) == 0 || e.statFD(t, fd, &st) != 0 || !e.mayChange(&st) || e.kindOfStat(&st) != kindFile && !isDir(&st) {
		return verdict{}, false
	}
	n := e.changing(t, fd, &st)
	if v, wait := e.fileTurn(t, n); wait {
		return v, true
	}
	for _, a := range reads {
		if a != conflict.Listing {
			e.onFile(t, n, a, conflict.Read)
		}
	}
	return verdict{}, false
}

// fdCalls are the calls that ask something of what a descriptor leads to, by number.
var fdCalls = [policy.Size][]conflict.Aspect{
	unix.SYS_FSTAT:      status,
	unix.SYS_FCHDIR:     metadata,
	unix.SYS_FGETXATTR:  metadata,
	unix.SYS_FLISTXATTR: metadata,
}

// asks notes what a call looks up, by paths or descriptors.
func (e *engine) asks(t *task) (verdict, bool) {
	if e.cfg.Unwatched {
		return verdict{}, false
	}
	if reads := fdCalls[t.call.Nr]; len(reads) > 0 && t.exec != nil {
		return e.looksAt(t, t.fd(0), reads)
	}
	switch t.call.Nr {
	case unix.SYS_EXECVE, unix.SYS_EXECVEAT:
		// The path of the working directory is a part of what the program's seed is made from.
		if v, wait := e.readsWay(t, e.start(t, unix.AT_FDCWD)); wait {
			return v, true
		}
	case unix.SYS_GETCWD:
		return e.readsWay(t, e.start(t, unix.AT_FDCWD))
	case unix.SYS_LSEEK:
		if how := t.fd(2); how != unix.SEEK_SET && how != unix.SEEK_CUR {
			v, wait := e.looksAt(t, t.fd(0), extent)
			if !wait {
				e.seesExtent(t, t.fd(0))
			}
			return v, wait
		}
	case unix.SYS_IOCTL:
		if uint32(t.arg(1)) == unix.TIOCINQ { // FIONREAD
			v, wait := e.looksAt(t, t.fd(0), status)
			if !wait {
				e.seesExtent(t, t.fd(0))
			}
			return v, wait
		}
	}
	return e.looksUp(t)
}

// fileTurn holds a task back that accesses a file in order.
func (e *engine) fileTurn(t *task, n *vfs.Inode) (verdict, bool) {
	if n == nil || n.Accesses == nil || !n.Accesses.Ordered {
		return verdict{}, false
	}
	return e.takesTurn(t)
}

// takesTurn holds a task back while anybody could come before it, because of what it is to
// access. It is order, but that the canonical run knows nothing of it: a child that is counted
// in its family stays so, and those who wait for it with their programs do not come before it.
func (e *engine) takesTurn(t *task) (verdict, bool) {
	t.inOrder = true
	v := verdict{do: doOrder, scope: e.everybody(t)}
	if t.turn = !t.fresh || e.serial || e.cfg.Unpinned.Has(PinSchedule); t.turn {
		return v, false
	}
	e.foresee()
	_, t.turn = e.clearBut(t, t.stamp(), v.scope)
	return v, !t.turn
}

// clearBut is Clear for a task for which others may wait with their programs: they are taken
// for gone meanwhile.
func (e *engine) clearBut(t *task, at sched.Stamp, scope sched.Scope) (by *sched.Task, ok bool) {
	if !t.counted {
		return e.turns.Clear(&t.ord, at, scope)
	}
	var waiting []*task
	for _, u := range e.live {
		if u.gate != nil && !u.gate() && slices.Contains(u.elders(), t) {
			u.ord.Phase = sched.Gone
			waiting = append(waiting, u)
		}
	}
	by, ok = e.turns.Clear(&t.ord, at, scope)
	for _, u := range waiting {
		u.sync()
	}
	return by, ok
}

// changing is the inode of a file at a descriptor that may change, else nil.
func (e *engine) changing(t *task, fd int32, st *unix.Stat_t) *vfs.Inode {
	if !e.mayChange(st) {
		return nil
	}
	return e.inode(st, func() (string, unix.Errno) { return e.pathOf(e.fdPath(t, fd)) })
}

// accesses are what is remembered of accesses to a file.
func (e *engine) accesses(n *vfs.Inode) *conflict.File {
	if n.Accesses == nil {
		n.Accesses = &conflict.File{}
	}
	return n.Accesses
}

// onFile notes an access to a file that may change; nil is none.
func (e *engine) onFile(t *task, n *vfs.Inode, a conflict.Aspect, op conflict.Op) {
	if n == nil || t.exec == nil || e.cfg.Unwatched {
		return
	}
	f := e.accesses(n)
	e.accessed = accessed{node: n}
	e.changer(t, n, a, op)
	e.detector.Access(&t.clk.Past, f.Object(a), a, e.access(t, op, f.Ordered))
}

// onName notes an access to a name in a folder.
func (e *engine) onName(t *task, d *folder, base string, nm *name, op conflict.Op) {
	e.accessed = accessed{in: d, base: base}
	e.detector.Access(&t.clk.Past, &nm.Object, conflict.Name, e.access(t, op, nm.ordered))
}

// access is what the detector is told.
func (e *engine) access(t *task, op conflict.Op, ordered bool) conflict.Access {
	if t.party == nil {
		t.party = &conflict.Task{Exec: int(t.exec.id), PID: t.vpid, Argv: t.exec.argv, Cwd: t.exec.cwd, Path: slices.Clone(t.leader.path)}
	}
	if op != conflict.Read {
		t.altered = t.clk.B
	}
	return conflict.Access{By: t.party, Call: uint16(t.call.Nr), Op: op, Ordered: t.alone || ordered && t.turn, B: t.clk.B}
}

// readsContent notes that a task reads a file's content.
func (e *engine) readsContent(t *task, n *vfs.Inode) {
	if n == nil || t.exec == nil {
		return
	}
	e.onFile(t, n, conflict.Content, conflict.Read)
	e.sawContent(t, n, nil)
	if len(e.mappings) > 0 {
		e.meetsMappings(t, n, conflict.Read)
	}
}

// writesContent notes that a task changes a file's content, or adds to its end.
func (e *engine) writesContent(t *task, n *vfs.Inode, op conflict.Op) {
	e.changesContent(t, n, false)
	e.onFile(t, n, conflict.Content, op)
	e.onFile(t, n, conflict.Status, conflict.Add)
	if len(e.mappings) > 0 {
		e.meetsMappings(t, n, op)
	}
}

// changesName notes that a task has changed the entry of a directory.
func (e *engine) changesName(t *task, n *entry) {
	if e.cfg.Unwatched {
		return
	}
	d, nm := e.stale(n.dir, n.parent, n.base)
	if nm == nil && !n.dir.Gone() && !e.cfg.Canonical && !e.cfg.Serial {
		e.taint(TaintUnchecked, "a name changed in a directory whose path was not found: "+n.path(), t)
	}
	if nm == nil || d.fixed {
		return
	}
	e.onName(t, d, n.base, nm, conflict.Change)
	e.inRecord(t, nm, conflict.Change)
	e.onFile(t, n.dir, conflict.Listing, conflict.Add)
	e.seesBase(t, n.dir)
}

// begins notes that a file or directory was made at an entry.
func (e *engine) begins(t *task, n *entry, made *vfs.Inode) {
	if len(e.ordered) > 0 && e.ordered[n.path()] {
		e.accesses(made).Ordered = true
	}
	made.MadeBy = t.exec.id
	e.onFile(t, made, conflict.Metadata, conflict.Change)
	if d := e.folders[n.dir]; d != nil {
		e.places[made] = accessed{in: d, base: n.base}
	}
	e.leaves(t, n, made)
	e.stampsDir(t, made)
}

// changesMeta notes a call that changes a file's metadata, or its content without writing.
func (e *engine) changesMeta(t *task, n *vfs.Inode) {
	e.touches(t, n)
	nr := t.call.Nr
	dated := nr == unix.SYS_UTIME || nr == unix.SYS_UTIMES || nr == unix.SYS_FUTIMESAT || nr == unix.SYS_UTIMENSAT && !e.keepsTime(t)
	e.wholeTouches(t, n, touched{meta: true, dated: dated, xattrs: nr >= unix.SYS_SETXATTR && nr <= unix.SYS_FSETXATTR || nr >= unix.SYS_REMOVEXATTR && nr <= unix.SYS_FREMOVEXATTR})
	switch t.call.Nr {
	case unix.SYS_TRUNCATE, unix.SYS_FTRUNCATE, unix.SYS_FALLOCATE:
		e.writesContent(t, n, conflict.Change)
	case unix.SYS_UTIME, unix.SYS_UTIMES, unix.SYS_FUTIMESAT, unix.SYS_UTIMENSAT:
		e.onFile(t, n, conflict.Status, conflict.Change)
		if e.folders[n] != nil && dated {
			e.onFile(t, n, conflict.Listing, conflict.Change) // whose changes set it, too
			e.setsTime(t, n)
		}
	default:
		e.onFile(t, n, conflict.Metadata, conflict.Change)
	}
}

// readsFile notes that a call reads a file's content through a descriptor.
func (e *engine) readsFile(t *task, fd int32, st *unix.Stat_t) (verdict, bool) {
	if e.substituted(st) {
		return verdict{}, false // a file of /proc, made for it alone
	}
	n := e.changing(t, fd, st)
	if v, wait := e.fileTurn(t, n); wait {
		return v, true
	}
	e.readsContent(t, n)
	return verdict{}, false
}

// inTurn notes that a call on a file by a description that several processes hold is made
// when its turn has come: those before it have been made.
func (e *engine) inTurn(t *task, fd int32) {
	var st unix.Stat_t
	if e.statFD(t, fd, &st) != 0 {
		return
	}
	if n := e.changing(t, fd, &st); n != nil {
		f := e.accesses(n)
		if t.exec != nil {
			f.SharedBy(int(t.exec.id))
		}
		t.clk.Past.Follow(&f.Shared)
		f.Shared.Leave(&t.clk.Past)
	}
}
