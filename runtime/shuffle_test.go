package runtime

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// describe lists a tree: everything that a copy must keep.
func describe(t *testing.T, dir string) string {
	t.Helper()
	var out strings.Builder
	first := map[uint64]string{}
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		fmt.Fprintf(&out, "%s %o %d:%d", rel, st.Mode, st.Uid, st.Gid)
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFREG:
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&out, " %d %x", st.Blocks, b[:min(len(b), 8)])
			if st.Nlink > 1 {
				if _, ok := first[st.Ino]; !ok {
					first[st.Ino] = rel
				}
				out.WriteString(" = " + first[st.Ino])
			}
		case unix.S_IFLNK:
			target, _ := os.Readlink(path)
			out.WriteString(" -> " + target)
		}
		var b [64]byte
		if n, err := unix.Lgetxattr(path, "user.test", b[:]); err == nil {
			fmt.Fprintf(&out, " %q", b[:n])
		}
		out.WriteString("\n")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestCopyShuffled(t *testing.T) {
	base := t.TempDir()
	from := filepath.Join(base, "from")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(filepath.Join(from, "sub/empty"), 0o750))
	for i := range 40 {
		must(os.WriteFile(filepath.Join(from, fmt.Sprintf("f%02d", i)), []byte{byte(i)}, 0o644))
	}
	must(os.WriteFile(filepath.Join(from, "setuid"), []byte("x"), 0o755))
	if os.Getuid() == 0 {
		must(os.Chown(filepath.Join(from, "setuid"), 12, 34))
	}
	must(os.Chmod(filepath.Join(from, "setuid"), 0o755|fs.ModeSetuid))
	must(os.WriteFile(filepath.Join(from, "sparse"), nil, 0o600))
	must(os.Truncate(filepath.Join(from, "sparse"), 1<<20))
	must(os.Link(filepath.Join(from, "f07"), filepath.Join(from, "sub/hard")))
	must(os.Symlink("../f01", filepath.Join(from, "sub/soft")))
	must(unix.Mkfifo(filepath.Join(from, "fifo"), 0o622))
	must(unix.Lsetxattr(filepath.Join(from, "f03"), "user.test", []byte("value"), 0))
	must(os.Chmod(filepath.Join(from, "sub"), 0o1777|fs.ModeSticky))

	want := describe(t, from)
	orders := map[string]bool{}
	for _, seed := range []string{"a", "b"} {
		to := filepath.Join(base, seed)
		must(copyShuffled(from, to, newChooser(seed)))
		if got := describe(t, to); got != want {
			t.Errorf("copy:\n%s\nwant:\n%s", got, want)
		}
		var order []string
		d, err := os.Open(to)
		must(err)
		entries, err := d.ReadDir(-1)
		must(err)
		d.Close()
		for _, e := range entries {
			fi, err := e.Info()
			must(err)
			order = append(order, fmt.Sprint(e.Name(), fi.Sys()))
		}
		orders[strings.Join(order, " ")] = true
	}
	if len(orders) != 2 {
		t.Error("both copies were made in the same order")
	}
}

func TestWriters(t *testing.T) {
	w := &Writers{Files: map[string]string{}}
	for _, s := range []struct {
		stream  int
		program string
		n       int
	}{{1, "a", 3}, {1, "a", 2}, {2, "c", 1}, {1, "b", 4}} {
		w.streamed(s.stream, s.program, s.n)
	}
	for _, tt := range []struct {
		stream int
		offset int64
		want   string
	}{{1, 0, "a"}, {1, 4, "a"}, {1, 5, "b"}, {1, 8, "b"}, {1, 9, ""}, {2, 0, "c"}} {
		if got := w.At(tt.stream, tt.offset); got != tt.want {
			t.Errorf("At(%d, %d) = %q, want %q", tt.stream, tt.offset, got, tt.want)
		}
	}
	w = &Writers{}
	for i := range 2 * maxPieces {
		w.streamed(1, fmt.Sprint(i%2), 1)
	}
	if n := len(w.Streams[0]); n != maxPieces || w.Streams[0][n-1].End != 2*maxPieces {
		t.Errorf("%d pieces, the last of which ends at %d", n, w.Streams[0][n-1].End)
	}
}
