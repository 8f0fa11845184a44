package project

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/gob"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/cachelayer/layer"
)

// Change is what one run changed, in one or more directories.
type Change struct {
	Layers []Layer
}

// Layer is what a run changed in one directory.
type Layer struct {
	// Source is the directory's path, without symbolic links, and Ino its inode
	// number when the run began.
	Source string
	Ino    uint64

	// Meta is the metadata that the run gave what it changed.
	Meta map[string]Meta

	// Digest is layer.Digest of the upper directory with Meta.
	Digest [sha256.Size]byte

	// Base is what was there when the run began, as far as the layer changes it.
	Base *Snapshot

	// Epoch is where the run's time began, in nanoseconds since 1970, and LastStamp the
	// greatest time that it gave to what it changed, in nanoseconds since then.
	Epoch, LastStamp int64

	// Era is that of the journal of modification times when the run began.
	Era int

	// Owner, DropSetID, Since, Began and Hidden are those of layer.Options.
	Owner        *layer.Owner
	DropSetID    bool
	Since, Began int64
	Hidden       []string
}

// Meta is the metadata of one path that the box's processes saw.
type Meta struct {
	Mtime    int64 // nanoseconds since 1970
	UID, GID int
}

// Lookup implements layer.Virtual.
func (l *Layer) Lookup(path string, _ *unix.Stat_t) (mtime int64, uid, gid int) {
	m := l.Meta[path]
	return m.Mtime, m.UID, m.GID
}

// Sources are the directories.
func (c *Change) Sources() []string {
	var list []string
	for i := range c.Layers {
		list = append(list, c.Layers[i].Source)
	}
	return list
}

// SetBase sets Base to the part of s that matters for the layer in upper: what is
// at the layer's paths, and all that is below what it removes.
func (l *Layer) SetBase(s *Snapshot, upper *os.File) error {
	changed := make(map[string]bool) // true: what was below is gone
	err := layer.Walk(upper, nil, func(e layer.Entry) error {
		changed[e.Path] = e.Kind != layer.Dir || e.Opaque
		return nil
	})
	if err != nil {
		return err
	}
	gone := ""
	l.Base = s.Restrict(func(path string) bool {
		if gone != "" && (gone == "." || strings.HasPrefix(path, gone+"/")) {
			return true
		}
		below, ok := changed[path]
		if below {
			gone = path
		}
		return ok
	})
	return nil
}

// UpperDir is where the upper directory of layer i lies in a directory of layers.
func UpperDir(dir string, i int) string { return filepath.Join(OverlayDir(dir, i), "upper") }

// OverlayDir is where all of layer i lies.
func OverlayDir(dir string, i int) string { return filepath.Join(dir, "overlay-"+strconv.Itoa(i)) }

// record is what is written of a Change.
type record struct {
	Change
	ID    string        // of the transactions; "" where there are none
	Plans []*layer.Plan // of the transactions, one a layer; nil where there are none
}

const (
	recordName  = "record"
	recordMagic = "laplace change 1"
	maxRecord   = 1 << 30 // bytes
)

// errRecord says that a record is not what this version of Laplace writes.
var errRecord = errors.New("not a record of this version of laplace, or damaged")

// write writes the record into a directory: a line of recordMagic, the directories
// in the quotes of strconv.Quote, a line each, an empty line, the SHA-256 digest of
// the rest, the rest (encoding/gob).
func (r *record) write(dir string) error {
	var body bytes.Buffer
	if err := gob.NewEncoder(&body).Encode(r); err != nil {
		return err
	}
	var b bytes.Buffer
	fmt.Fprintln(&b, recordMagic)
	for _, source := range r.Sources() {
		fmt.Fprintln(&b, strconv.Quote(source))
	}
	fmt.Fprintf(&b, "\n%x\n", sha256.Sum256(body.Bytes()))
	b.Write(body.Bytes())
	return writeFile(filepath.Join(dir, recordName), b.Bytes(), true)
}

// readHead reads the directories that a record is about.
func readHead(b *bufio.Reader) (sources []string, err error) {
	line := func() string {
		text, e := b.ReadString('\n')
		err = errors.Join(err, e)
		return strings.TrimSuffix(text, "\n")
	}
	if line() != recordMagic {
		return nil, errRecord
	}
	for {
		text := line()
		if text == "" || err != nil {
			break
		}
		source, e := strconv.Unquote(text)
		if e != nil || !filepath.IsAbs(source) || filepath.Clean(source) != source {
			return nil, errRecord
		}
		sources = append(sources, source)
	}
	if err != nil || len(sources) == 0 {
		return nil, errRecord
	}
	return sources, nil
}

// readRecord reads and checks the record in a directory.
func readRecord(dir string) (*record, error) {
	path := filepath.Join(dir, recordName)
	fail := func(err error) (*record, error) { return nil, fmt.Errorf("%s: %w", path, err) }
	if err := private(dir); err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if fi, err := f.Stat(); err != nil || !fi.Mode().IsRegular() || fi.Size() > maxRecord {
		return fail(errRecord)
	}
	in := bufio.NewReader(f)
	sources, err := readHead(in)
	if err != nil {
		return fail(err)
	}
	sum, err := in.ReadString('\n')
	if err != nil {
		return fail(errRecord)
	}
	var body bytes.Buffer
	if _, err := body.ReadFrom(in); err != nil {
		return fail(err)
	}
	if got := sha256.Sum256(body.Bytes()); hex.EncodeToString(got[:])+"\n" != sum {
		return fail(errRecord)
	}
	r := new(record)
	if err := gob.NewDecoder(&body).Decode(r); err != nil {
		return fail(errRecord)
	}
	if err := r.validate(sources); err != nil {
		return fail(err)
	}
	return r, nil
}

// validate refuses a record that write would not have written. What a plan says is
// checked by layer.NewTransaction.
func (r *record) validate(sources []string) error {
	ok := slices.Equal(r.Sources(), sources) && (r.Plans == nil || len(r.Plans) == len(r.Layers))
	for i := range r.Layers {
		l := &r.Layers[i]
		ok = ok && l.Base != nil && l.Base.ordered() && (r.Plans == nil || r.Plans[i] != nil)
	}
	for _, c := range r.ID {
		ok = ok && (c >= '0' && c <= '9' || c >= 'a' && c <= 'f')
	}
	if !ok || r.Plans != nil && r.ID == "" {
		return errRecord
	}
	return nil
}

// newID makes an ID for transactions.
func newID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// Related are the directories that have to be locked together with a project: those
// that its commit under way is about, and, with kept, its kept changes; and those
// of the commit of another project that it is part of. Without the locks it is a
// hint.
func Related(base, project string, kept bool) (list []string) {
	names := []string{commitName, newName}
	if kept {
		names = append(names, keptName)
	}
	list = sources(base, project, names)
	if main, err := os.ReadFile(filepath.Join(Dir(base, project), partName)); err == nil && filepath.IsAbs(string(main)) {
		list = append(list, string(main))
		list = append(list, sources(base, string(main), []string{commitName})...)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func sources(base, project string, names []string) (list []string) {
	for _, name := range names {
		f, err := os.Open(filepath.Join(Dir(base, project), name, recordName))
		if err != nil {
			continue
		}
		more, err := readHead(bufio.NewReader(f))
		f.Close()
		if err == nil {
			list = append(list, more...)
		}
	}
	return list
}
