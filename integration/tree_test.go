package integration

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// entry is one name of a tree, as far as runs are compared by it.
type entry struct {
	Mode    fs.FileMode       // type and permissions
	Size    int64             // regular files
	Content string            // regular files: the text if short, else its SHA-256
	Target  string            // symbolic links
	Rdev    uint64            // devices
	First   string            // least path that is a link to the same inode, if another one
	Xattrs  map[string]string // user.* only
	Mtime   time.Time         // zero if it is not compared
}

// tree maps slash-separated relative paths to entries; "." is the root.
type tree map[string]entry

// shortContent is the greatest size at which a difference shows the text.
const shortContent = 4096

// readTree reads the tree at dir, with modification times if wanted.
func readTree(dir string, mtimes bool) (tree, error) {
	all := make(tree)
	first := make(map[[2]uint64]string)
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		e, err := readEntry(path)
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		if !e.Mode.IsDir() && st.Nlink > 1 {
			// WalkDir goes in lexical order, which is deterministic: the
			// first path met names the group.
			key := [2]uint64{st.Dev, st.Ino}
			if other, ok := first[key]; ok {
				e.First = other
			} else {
				first[key] = name
			}
		}
		if mtimes {
			e.Mtime = time.Unix(st.Mtim.Sec, st.Mtim.Nsec).UTC()
		}
		all[name] = e
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading tree %s: %w", dir, err)
	}
	return all, nil
}

// readEntry reads one name without its time and link group.
func readEntry(path string) (entry, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return entry{}, err
	}
	e := entry{Mode: info.Mode()}
	switch {
	case info.Mode().IsRegular():
		e.Size = info.Size()
		if e.Content, err = readContent(path, e.Size); err != nil {
			return e, err
		}
	case info.Mode()&fs.ModeSymlink != 0:
		e.Mode = fs.ModeSymlink // permissions mean nothing here
		if e.Target, err = os.Readlink(path); err != nil {
			return e, err
		}
	case info.Mode()&fs.ModeDevice != 0:
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return e, err
		}
		e.Rdev = st.Rdev
	}
	e.Xattrs, err = readXattrs(path)
	return e, err
}

// readContent returns a file's text, or its digest if it is long.
func readContent(path string, size int64) (string, error) {
	f, err := openAnyway(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if size <= shortContent {
		b, err := io.ReadAll(f)
		return string(b), err
	}
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return fmt.Sprintf("sha256:%x", h.Sum(nil)), nil
}

// openAnyway opens a file for reading even where its mode forbids that to its
// owner; the mode stays.
func openAnyway(path string) (*os.File, error) {
	f, err := os.Open(path)
	if !errors.Is(err, fs.ErrPermission) {
		return f, err
	}
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o400); err != nil {
		return nil, err
	}
	f, err = os.Open(path)
	return f, errors.Join(err, os.Chmod(path, info.Mode()))
}

// readXattrs returns the user.* attributes of path, not following a symbolic
// link; nil if there are none. overlayfs's own are left out.
func readXattrs(path string) (map[string]string, error) {
	buf := make([]byte, 64<<10)
	n, err := unix.Llistxattr(path, buf)
	if err == unix.ENOTSUP || err == unix.EPERM || n == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing the xattrs of %s: %w", path, err)
	}
	var attrs map[string]string
	for name := range strings.SplitSeq(strings.TrimRight(string(buf[:n]), "\x00"), "\x00") {
		if !strings.HasPrefix(name, "user.") || strings.HasPrefix(name, "user.overlay.") {
			continue
		}
		value := make([]byte, 64<<10)
		n, err := unix.Lgetxattr(path, name, value)
		if err != nil {
			return nil, fmt.Errorf("reading xattr %s of %s: %w", name, path, err)
		}
		if attrs == nil {
			attrs = make(map[string]string)
		}
		attrs[name] = string(value[:n])
	}
	return attrs, nil
}

// copyOptions says how copyTree makes a tree.
type copyOptions struct {
	Reverse bool          // create in the opposite order
	Later   time.Duration // added to every modification time
	Owner   int           // uid and gid of everything; negative: the caller's
}

// copyTree makes a copy of the tree src in the existing directory dst: files,
// directories, symbolic and hard links, FIFOs, holes, modes, user.* xattrs
// and modification times.
func copyTree(dst, src string, o copyOptions) error {
	all, err := readTree(src, true)
	if err != nil {
		return err
	}
	names := sortedNames(all)
	if o.Reverse {
		// Every directory still comes before what it holds.
		sort.Slice(names, func(i, j int) bool {
			di, dj := strings.Count(names[i], "/"), strings.Count(names[j], "/")
			return di < dj || di == dj && names[i] > names[j]
		})
	}
	made := make(map[string]string) // link group to the name that exists
	for _, name := range names {
		if name == "." {
			continue
		}
		e := all[name]
		group := e.First
		if group == "" {
			group = name
		}
		path := filepath.Join(dst, name)
		if other, ok := made[group]; ok {
			err = os.Link(filepath.Join(dst, other), path)
		} else {
			err = makeEntry(path, filepath.Join(src, name), e, o.Owner)
			made[group] = name
		}
		if err != nil {
			return fmt.Errorf("copying %s to %s: %w", src, dst, err)
		}
	}
	// Modes and times last, and upwards, since making names changes the times
	// of directories and may need permission.
	sort.Sort(sort.Reverse(sort.StringSlice(names)))
	for _, name := range names {
		if err := finishEntry(filepath.Join(dst, name), all[name], o); err != nil {
			return fmt.Errorf("copying %s to %s: %w", src, dst, err)
		}
	}
	return nil
}

func sortedNames(all tree) []string {
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// makeEntry creates path like e, with the content of src.
func makeEntry(path, src string, e entry, owner int) error {
	var err error
	switch {
	case e.Mode.IsDir():
		err = os.Mkdir(path, 0o700)
	case e.Mode.IsRegular():
		err = copySparse(path, src, e.Size)
	case e.Mode&fs.ModeSymlink != 0:
		err = os.Symlink(e.Target, path)
	case e.Mode&fs.ModeNamedPipe != 0:
		err = unix.Mkfifo(path, 0o600)
	default:
		err = fmt.Errorf("%s: a file of type %v cannot be copied", path, e.Mode.Type())
	}
	if err == nil && owner >= 0 {
		err = os.Lchown(path, owner, owner)
	}
	return err
}

// finishEntry gives path the xattrs, mode and time of e.
func finishEntry(path string, e entry, o copyOptions) error {
	for name, value := range e.Xattrs {
		if err := unix.Lsetxattr(path, name, []byte(value), 0); err != nil {
			return fmt.Errorf("setting xattr %s: %w", name, err)
		}
	}
	if e.Mode&fs.ModeSymlink == 0 {
		if err := os.Chmod(path, e.Mode); err != nil {
			return err
		}
	}
	at := unix.NsecToTimespec(e.Mtime.Add(o.Later).UnixNano())
	return unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{at, at}, unix.AT_SYMLINK_NOFOLLOW)
}

// copySparse copies a regular file and leaves its holes.
func copySparse(dst, src string, size int64) (err error) {
	in, err := openAnyway(src)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(dst, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := out.Close(); err == nil {
			err = cerr
		}
	}()
	if err := out.Truncate(size); err != nil {
		return err
	}
	for off := int64(0); off < size; {
		data, err := unix.Seek(int(in.Fd()), off, unix.SEEK_DATA)
		if err == unix.ENXIO {
			return nil
		}
		if err != nil {
			return err
		}
		hole, err := unix.Seek(int(in.Fd()), data, unix.SEEK_HOLE)
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.NewOffsetWriter(out, data), io.NewSectionReader(in, data, hole-data)); err != nil {
			return err
		}
		off = hole
	}
	return nil
}

// diffTrees fails the test if the trees differ.
func diffTrees(t *testing.T, what string, want, got tree) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: the trees differ (-want +got)\n%s", what, diff)
	}
}

func TestCopyTree(t *testing.T) {
	src, forward, backward := t.TempDir(), t.TempDir(), t.TempDir()
	script := `
		mkdir d d/e; echo one > a; ln a z; ln a d/e/hard; ln -s ../a d/link; ln -s nowhere dangling; mkfifo d/pipe
		truncate -s 1M d/sparse; echo x >> d/sparse; chmod 444 a; chmod 1750 d/e; chmod 4755 d/sparse; chmod 500 d
		touch -d @1000000000.123456789 a d`
	if err := runSetup(src, script); err != nil {
		t.Fatal(err)
	}
	if err := copyTree(forward, src, copyOptions{Owner: -1}); err != nil {
		t.Fatal(err)
	}
	if err := copyTree(backward, src, copyOptions{Owner: -1, Reverse: true, Later: time.Hour}); err != nil {
		t.Fatal(err)
	}
	defer removeAll(src)
	defer removeAll(forward)
	defer removeAll(backward)
	want, err := readTree(src, true)
	if err != nil {
		t.Fatal(err)
	}
	if want["z"].First != "a" && want["a"].First == "" {
		t.Fatalf("hard links not seen: %+v", want["z"])
	}
	for dir, later := range map[string]time.Duration{forward: 0, backward: time.Hour} {
		got, err := readTree(dir, true)
		if err != nil {
			t.Fatal(err)
		}
		for name, e := range got {
			e.Mtime = e.Mtime.Add(-later)
			got[name] = e
		}
		diffTrees(t, dir, want, got)
		var st unix.Stat_t
		if err := unix.Stat(filepath.Join(dir, "d/sparse"), &st); err != nil || st.Blocks*512 > 64<<10 {
			t.Errorf("hole filled: %d blocks, %v", st.Blocks, err)
		}
	}
	// A difference in each field must be seen.
	for name, script := range map[string]string{
		"mode": "chmod 640 z", "content": "chmod u+w z; echo two > z", "name": "chmod u+w d; mv d/e/hard d/e/h2",
		"link": "cp z y; mv -f y z", "target": "ln -sfn else dangling", "mtime": "touch -d @5 z",
	} {
		dir := t.TempDir()
		defer removeAll(dir)
		if err := copyTree(dir, src, copyOptions{Owner: -1}); err != nil {
			t.Fatal(err)
		}
		if err := runSetup(dir, script); err != nil {
			t.Fatal(err)
		}
		got, err := readTree(dir, true)
		if err != nil {
			t.Fatal(err)
		}
		if cmp.Equal(want, got) {
			t.Errorf("a changed %s is not seen", name)
		}
	}
}
