package procfs

import (
	"fmt"
	"strings"
)

// namespaces are the kinds that /proc/PID/ns shows, with the inode numbers that
// the initial namespaces have (<linux/nsfs.h>).
var namespaces = map[string]uint64{
	"cgroup": 4026531835,
	"ipc":    4026531839,
	"mnt":    4026531832,
	"net":    4026531833,
	"pid":    4026531836,
	"time":   4026531834,
	"user":   4026531837,
	"uts":    4026531838,
}

// NamespaceInode returns the inode number of a file in /proc/PID/ns, for stat(2).
// kind is what comes before the colon in the link: "mnt", "pid" and so on.
func NamespaceInode(kind string) (ino uint64, ok bool) {
	ino, ok = namespaces[kind]
	return ino, ok
}

// Link gives what readlink(2) shows of a link below /proc/PID, from the target
// that the kernel shows. inode maps the number of a pipe or a socket, kind being
// "pipe" or "socket", to the one that fstat(2) shows; nil shows 0. Paths, memory
// files and kinds without a number are left as they are.
func Link(target string, inode func(kind string, ino uint64) uint64) string {
	if strings.HasPrefix(target, "/") {
		return target
	}
	kind, ino, ok := parseNumbered(target)
	switch {
	case !ok:
		return target
	case kind == "pidfd":
		// A kernel before 6.9 has one inode for all of them.
		return "anon_inode:[pidfd]"
	}
	if pinned, isNamespace := namespaces[kind]; isNamespace {
		return fmt.Sprintf("%s:[%d]", kind, pinned)
	}
	var virtual uint64
	if inode != nil {
		virtual = inode(kind, ino)
	}
	return fmt.Sprintf("%s:[%d]", kind, virtual)
}

// parseNumbered reads "kind:[number]".
func parseNumbered(target string) (kind string, ino uint64, ok bool) {
	kind, rest, _ := strings.Cut(target, ":")
	s := scanner{rest: rest}
	s.expect('[')
	ino = s.decimal()
	s.expect(']')
	return kind, ino, !s.failed && s.rest == "" && kind != ""
}
