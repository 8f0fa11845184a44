package cli

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pkg/xattr"
	"golang.org/x/sys/unix"

	"laplace.dev/laplace/runtime"
)

// compare tells what is different between two runs, first things first; "" when nothing
// is.
func compare(a, b *result) (string, error) {
	x, y := &a.outcome.Report, &b.outcome.Report
	for i, s := range []struct{ name, x, y string }{
		{"stdout", x.Stdout, y.Stdout}, {"stderr", x.Stderr, y.Stderr},
	} {
		if s.x != s.y {
			offset, shown, err := firstByte(filepath.Join(a.dir, s.name), filepath.Join(b.dir, s.name))
			return s.name + " " + shown + by(a.outcome.Writers.At(i+1, offset), b.outcome.Writers.At(i+1, offset)), err
		}
	}
	if x.Tree != y.Tree {
		path, what, err := firstFile(filepath.Join(a.dir, "tree"), filepath.Join(b.dir, "tree"))
		return fmt.Sprintf("file %q %s%s", path, what, by(a.writer(path), b.writer(path))), err
	}
	for _, s := range []struct {
		name string
		x, y any
	}{
		{"exit status", x.Exit, y.Exit},
		{"verdict", checkedVerdict(x), checkedVerdict(y)},
		{"refused calls", x.Refused, y.Refused},
		{"unmasked programs", x.Unmasked, y.Unmasked},
		{"number of execs", x.Execs.Total, y.Execs.Total},
		{"number of intercepted calls", x.Ticks, y.Ticks},
	} {
		if p, q := fmt.Sprint(s.x), fmt.Sprint(s.y); p != q {
			return fmt.Sprintf("%s: %s and %s", s.name, p, q), nil
		}
	}
	return "", nil
}

// checkedVerdict is a verdict with its reasons, but for those that check itself looks
// at: that the run was one of many possible ones.
func checkedVerdict(r *runtime.Report) string {
	rest := *r
	rest.Taints = slices.DeleteFunc(slices.Clone(r.Taints), func(t runtime.Taint) bool {
		return t.Kind == runtime.TaintUnchecked || t.Kind == runtime.TaintConflict
	})
	if len(rest.Taints) == 0 && len(r.Taints) > 0 {
		rest.Verdict = runtime.Deterministic
	}
	return rest.Verdict + reasons(&rest)
}

// by says which programs wrote what is different.
func by(a, b string) string {
	if a == "" {
		a = b
	}
	switch {
	case a == "":
		return ""
	case b == "" || a == b:
		return ", written by " + a
	}
	return ", written by " + a + " and " + b
}

// writer is the program that wrote a file of the result's tree last.
func (r *result) writer(path string) string {
	if r.outcome.Writers == nil {
		return ""
	}
	// Of several directories each has one of its own in the tree, named like it.
	first, rest, _ := strings.Cut(path, "/")
	for file, program := range r.outcome.Writers.Files {
		for _, target := range r.targets {
			in, ok := strings.CutPrefix(file, target+"/")
			if ok && (in == path || len(r.targets) > 1 && in == rest && runtime.LayerName(target) == first) {
				return program
			}
		}
	}
	return ""
}

// firstByte says at which offset two files begin to differ, and shows the bytes there.
func firstByte(a, b string) (offset int64, shown string, err error) {
	var readers [2]*bufio.Reader
	for i, path := range []string{a, b} {
		f, err := os.Open(path)
		if err != nil {
			return 0, "", err
		}
		defer f.Close()
		readers[i] = bufio.NewReader(f)
	}
	const width = 16
	for {
		p, errP := readers[0].Peek(width)
		q, errQ := readers[1].Peek(width)
		switch {
		case errP != nil && errP != io.EOF:
			return 0, "", errP
		case errQ != nil && errQ != io.EOF:
			return 0, "", errQ
		case len(p) == 0 && len(q) == 0:
			return offset, "is the same", nil
		case len(p) == 0 || len(q) == 0 || p[0] != q[0]:
			return offset, fmt.Sprintf("at byte %d: %q and %q", offset, p, q), nil
		}
		_, _ = readers[0].Discard(1) // was peeked at
		_, _ = readers[1].Discard(1)
		offset++
	}
}

// firstFile names the first path at which two directories that --out wrote differ, and
// says in what.
func firstFile(a, b string) (path, what string, err error) {
	paths := map[string]bool{}
	for _, dir := range []string{a, b} {
		err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(dir, path)
			paths[rel] = true
			return err
		})
		if err != nil {
			return "", "", err
		}
	}
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		what, err := different(filepath.Join(a, path), filepath.Join(b, path))
		if what != "" || err != nil {
			return path, what, err
		}
	}
	return ".", "in what is not kept of it", nil
}

// different says in what two files differ; "" if in nothing.
func different(a, b string) (string, error) {
	var x, y unix.Stat_t
	errX, errY := unix.Lstat(a, &x), unix.Lstat(b, &y)
	switch {
	case errX == unix.ENOENT:
		return "is only in the second", nil
	case errY == unix.ENOENT:
		return "is only in the first", nil
	case errX != nil:
		return "", &fs.PathError{Op: "lstat", Path: a, Err: errX}
	case errY != nil:
		return "", &fs.PathError{Op: "lstat", Path: b, Err: errY}
	}
	for _, s := range []struct {
		name string
		x, y uint64
	}{
		{"type", uint64(x.Mode & unix.S_IFMT), uint64(y.Mode & unix.S_IFMT)},
		{"device", x.Rdev, y.Rdev},
	} {
		if s.x != s.y {
			return fmt.Sprintf("in its %s: %#o and %#o", s.name, s.x, s.y), nil
		}
	}
	switch x.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		same, err := sameContent(a, b)
		if err != nil || !same {
			_, shown, berr := firstByte(a, b)
			return shown, joinFirst(err, berr)
		}
	case unix.S_IFLNK:
		p, err := os.Readlink(a)
		q, err2 := os.Readlink(b)
		if p != q || err != nil || err2 != nil {
			return fmt.Sprintf("in its target: %q and %q", p, q), joinFirst(err, err2)
		}
	}
	switch {
	case x.Mode != y.Mode:
		return fmt.Sprintf("in its mode: %04o and %04o", x.Mode&0o7777, y.Mode&0o7777), nil
	case x.Uid != y.Uid || x.Gid != y.Gid:
		return fmt.Sprintf("in its owner: %d:%d and %d:%d", x.Uid, x.Gid, y.Uid, y.Gid), nil
	case x.Mode&unix.S_IFMT != unix.S_IFDIR && x.Nlink != y.Nlink:
		return fmt.Sprintf("in its links: %d and %d", x.Nlink, y.Nlink), nil
	case x.Mtim != y.Mtim:
		return fmt.Sprintf("in its modification time: %s and %s", stamp(x.Mtim), stamp(y.Mtim)), nil
	}
	p, err := attributes(a)
	q, err2 := attributes(b)
	if p != q {
		return fmt.Sprintf("in its extended attributes: %s and %s", p, q), joinFirst(err, err2)
	}
	return "", joinFirst(err, err2)
}

func stamp(t unix.Timespec) string { return fmt.Sprintf("%d.%09d", t.Sec, t.Nsec) }

// joinFirst is the first of two errors that is one.
func joinFirst(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// sameContent tells whether two files have the same bytes.
func sameContent(a, b string) (bool, error) {
	var files [2]*os.File
	for i, path := range []string{a, b} {
		f, err := os.Open(path)
		if err != nil {
			return false, err
		}
		defer f.Close()
		files[i] = f
	}
	var p, q [1 << 16]byte
	for {
		n, errP := io.ReadFull(files[0], p[:])
		m, errQ := io.ReadFull(files[1], q[:])
		if !bytes.Equal(p[:n], q[:m]) {
			return false, nil
		}
		if errP != nil || errQ != nil {
			return n == m && (errP == io.EOF || errP == io.ErrUnexpectedEOF), nil
		}
	}
}

// attributes are the extended attributes of a file, as text.
func attributes(path string) (string, error) {
	names, err := xattr.LList(path)
	if err != nil && !errors.Is(err, unix.ENOTSUP) { // of a file system that has none
		return "", err
	}
	slices.Sort(names)
	var out []string
	for _, name := range names {
		value, err := xattr.LGet(path, name)
		if err != nil {
			return "", err
		}
		out = append(out, fmt.Sprintf("%s=%q", name, value))
	}
	return strings.Join(out, " "), nil
}
