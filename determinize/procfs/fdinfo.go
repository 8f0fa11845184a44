package procfs

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Bounds of what is read of one descriptor's information: an epoll or inotify
// descriptor has a line for each thing that it watches.
const (
	maxWatched  = 65_536
	maxInfoLine = 1024
)

// watched is a line of an epoll or inotify descriptor.
type watched struct {
	id   uint64 // the descriptor watched, or the watch descriptor
	text string
}

// descriptor is what is kept of /proc/PID/fdinfo/N.
type descriptor struct {
	pos, flags uint64
	mount      int
	extra      []string // lines that only some kinds of files have
	watched    []watched
}

// fdinfo is /proc/PID/fdinfo/N (proc_pid_fdinfo(5)): the position, the flags,
// the mount and inode that the guest sees elsewhere, and of the lines that only
// some kinds of files have, those that say what the guest did. File locks are
// left out, and so are timers, whose time is the host's.
func fdinfo(in input) []byte {
	_, number, _ := strings.Cut(in.name, "/")
	fd, err := strconv.Atoi(number)
	var ino uint64
	if err == nil && in.proc.FDInode != nil {
		ino = in.proc.FDInode(fd)
	}
	d := parseFDInfo(in.real)
	b := fmt.Appendf(nil, "pos:\t%d\nflags:\t0%o\nmnt_id:\t%d\nino:\t%d\n",
		d.pos, d.flags, in.proc.Mounts.ID(d.mount), ino)
	for _, line := range d.extra {
		b = append(b, line...)
		b = append(b, '\n')
	}
	for _, w := range d.watched {
		b = append(b, w.text...)
		b = append(b, '\n')
	}
	return b
}

// parseFDInfo reads the kernel's lines; those of another form are left out.
func parseFDInfo(real []byte) descriptor {
	var d descriptor
	for line := range bytes.Lines(real) {
		name, rest, ok := strings.Cut(string(line[:min(len(line), maxInfoLine)]), ":")
		if !ok {
			continue
		}
		words := strings.Fields(rest)
		if len(words) == 0 {
			continue
		}
		d.add(name, words)
	}
	// The kernel keeps an epoll descriptor's files sorted by their addresses in
	// kernel memory.
	slices.SortStableFunc(d.watched, func(a, b watched) int { return cmp.Compare(a.id, b.id) })
	return d
}

// add takes one line apart.
func (d *descriptor) add(name string, words []string) {
	number := func(base int) (uint64, bool) {
		v, err := strconv.ParseUint(words[0], base, 64)
		return v, err == nil
	}
	var v uint64
	var ok bool
	switch name {
	case "pos":
		if v, ok = number(10); ok {
			d.pos = v
		}
	case "flags":
		if v, ok = number(8); ok {
			d.flags = v
		}
	case "mnt_id":
		if v, ok = number(10); ok {
			d.mount = int(v)
		}
	case "eventfd-count":
		if v, ok = number(16); ok {
			d.extra = append(d.extra, fmt.Sprintf("eventfd-count: %16x", v))
		}
	case "sigmask":
		if v, ok = number(16); ok {
			d.extra = append(d.extra, fmt.Sprintf("sigmask:\t%016x", v))
		}
	case "Pid":
		if p, err := strconv.ParseInt(words[0], 10, 32); err == nil {
			d.extra = append(d.extra, fmt.Sprintf("Pid:\t%d\nNSpid:\t%d", p, p))
		}
	case "tfd":
		d.addEpoll(words)
	case "inotify wd":
		d.addInotify(words)
	}
	if len(d.extra) > 8 {
		// No kind of file has as many; whatever this is, it is not shown.
		d.extra = d.extra[:8]
	}
}

// addEpoll takes "N events: HEX data: HEX pos:N ino:HEX sdev:HEX".
func (d *descriptor) addEpoll(words []string) {
	if len(words) < 5 || words[1] != "events:" || words[3] != "data:" || len(d.watched) == maxWatched {
		return
	}
	fd, err := strconv.ParseUint(words[0], 10, 31)
	events, err2 := strconv.ParseUint(words[2], 16, 32)
	data, err3 := strconv.ParseUint(words[4], 16, 64)
	if err != nil || err2 != nil || err3 != nil {
		return
	}
	text := fmt.Sprintf("tfd: %8d events: %8x data: %16x  pos:0 ino:0 sdev:0", fd, events, data)
	d.watched = append(d.watched, watched{fd, text})
}

// addInotify takes "HEX ino:HEX sdev:HEX mask:HEX ignored_mask:HEX …".
func (d *descriptor) addInotify(words []string) {
	if len(d.watched) == maxWatched {
		return
	}
	wd, err := strconv.ParseUint(words[0], 16, 31)
	if err != nil {
		return
	}
	for _, w := range words[1:] {
		digits, ok := strings.CutPrefix(w, "mask:")
		if !ok {
			continue
		}
		mask, err := strconv.ParseUint(digits, 16, 32)
		if err != nil {
			return
		}
		text := fmt.Sprintf("inotify wd:%x ino:0 sdev:0 mask:%x ignored_mask:0", wd, mask)
		d.watched = append(d.watched, watched{wd, text})
		return
	}
}
