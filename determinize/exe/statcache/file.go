package statcache

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"sort"

	"golang.org/x/sys/unix"
)

// The file, all numbers little-endian:
//
//	magic    [8]byte  "laplstat"
//	version  uint32   of this layout
//	format   uint32   Config.Format
//	kind     [8]byte  Config.Kind
//	count    uint32   entries
//	crc      uint32   CRC-32C of the file but for this field
//	entries  [count]{ key: dev ino size ctime mtime, uint64 each;
//	                  used int64, seconds since 1970;
//	                  end uint32, of the value, counted from the first value }
//	values   [...]byte, one after the other
//
// Entries are ordered by key. A lookup is a binary search in the bytes as they
// were read: nothing is decoded when the file is opened but the header, and
// the checksum of the rest is verified.
const (
	magic      = "laplstat"
	version    = 1
	headerSize = 32
	crcAt      = 28
	keySize    = 40
	entrySize  = keySize + 8 + 4
)

// le is the byte order of the file.
var le = binary.LittleEndian

// entry is an entry of a file that is to be written.
type entry struct {
	key   Key
	used  int64
	value []byte
}

// image is a file that was read and found valid. The zero image is empty.
type image struct {
	entries []byte // entrySize bytes each
	values  []byte
}

// errInvalid is a file that is not what its header should say.
var errInvalid = errors.New("invalid or damaged file")

// parseImage checks b and returns it as an image.
func parseImage(cfg *Config, b []byte) (image, error) {
	if len(b) < headerSize || string(b[:8]) != magic {
		return image{}, errInvalid
	}
	if v := le.Uint32(b[8:]); v != version {
		return image{}, fmt.Errorf("version %d, not %d", v, version)
	}
	if v := le.Uint32(b[12:]); v != cfg.Format {
		return image{}, fmt.Errorf("format %d, not %d", v, cfg.Format)
	}
	if string(b[16:24]) != string(cfg.Kind[:]) {
		return image{}, fmt.Errorf("kind %q, not %q", b[16:24], cfg.Kind[:])
	}
	n := uint64(le.Uint32(b[24:])) * entrySize
	body := b[headerSize:]
	if n > uint64(len(body)) || le.Uint32(b[crcAt:]) != checksum(b) {
		return image{}, errInvalid
	}
	return image{entries: body[:n], values: body[n:]}, nil
}

// checksum returns what the crc field of the file b has to be.
func checksum(b []byte) uint32 {
	castagnoli := crc32.MakeTable(crc32.Castagnoli) // made once
	return crc32.Update(crc32.Checksum(b[:crcAt], castagnoli), castagnoli, b[headerSize:])
}

func (im image) len() int { return len(im.entries) / entrySize }

func (im image) key(i int) Key {
	b := im.entries[i*entrySize:]
	return Key{
		Dev:   le.Uint64(b),
		Ino:   le.Uint64(b[8:]),
		Size:  int64(le.Uint64(b[16:])),
		Ctime: int64(le.Uint64(b[24:])),
		Mtime: int64(le.Uint64(b[32:])),
	}
}

func (im image) used(i int) int64 {
	return int64(le.Uint64(im.entries[i*entrySize+keySize:]))
}

func (im image) end(i int) uint32 {
	return le.Uint32(im.entries[i*entrySize+keySize+8:])
}

// value returns the value of entry i. ok is false if it does not lie in the
// file.
func (im image) value(i int) (v []byte, ok bool) {
	var start uint32
	if i > 0 {
		start = im.end(i - 1)
	}
	end := im.end(i)
	if start > end || uint64(end) > uint64(len(im.values)) {
		return nil, false
	}
	return im.values[start:end:end], true
}

// find returns the index of the entry of k.
func (im image) find(k Key) (int, bool) {
	return sort.Find(im.len(), func(i int) int { return k.compare(im.key(i)) })
}

// encodeImage returns the file for entries, which are ordered by key and fit.
func encodeImage(cfg *Config, entries []entry) []byte {
	size := headerSize
	for _, e := range entries {
		size += entrySize + len(e.value)
	}
	b := make([]byte, 0, size)
	b = append(b, magic...)
	b = le.AppendUint32(b, version)
	b = le.AppendUint32(b, cfg.Format)
	b = append(b, cfg.Kind[:]...)
	b = le.AppendUint32(b, uint32(len(entries)))
	b = le.AppendUint32(b, 0)
	end := 0
	for _, e := range entries {
		end += len(e.value)
		b = le.AppendUint64(b, e.key.Dev)
		b = le.AppendUint64(b, e.key.Ino)
		b = le.AppendUint64(b, uint64(e.key.Size))
		b = le.AppendUint64(b, uint64(e.key.Ctime))
		b = le.AppendUint64(b, uint64(e.key.Mtime))
		b = le.AppendUint64(b, uint64(e.used))
		b = le.AppendUint32(b, uint32(end))
	}
	for _, e := range entries {
		b = append(b, e.value...)
	}
	le.PutUint32(b[crcAt:], checksum(b))
	return b
}

// readImage reads the file of a cache. It takes no file that another user could
// have written, and none that this package would not have written.
func readImage(cfg *Config) (image, error) {
	fd, err := unix.Open(cfg.Path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return image{}, fmt.Errorf("open: %w", err)
	}
	f := os.NewFile(uintptr(fd), cfg.Path)
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return image{}, fmt.Errorf("fstat: %w", err)
	}
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return image{}, errors.New("not a regular file")
	case int(st.Uid) != os.Geteuid() || st.Mode&0o022 != 0:
		return image{}, errors.New("writable by other users")
	case st.Size > headerSize+int64(cfg.MaxBytes):
		return image{}, errors.New("too large")
	}
	b := make([]byte, st.Size)
	if _, err := io.ReadFull(f, b); err != nil {
		return image{}, fmt.Errorf("read: %w", err)
	}
	return parseImage(cfg, b)
}

// replace puts the bytes that content returns in the place of the file at path.
// path + ".tmp" is written first. It is also the lock that keeps several
// processes from replacing the file at once, so that none loses what another
// has added; and a process that dies leaves only this one file, which the next
// one uses. If the lock is taken, nothing is done.
//
// Nothing is synced: after a power failure the checksum tells.
func replace(path string, content func() []byte) error {
	tmp := path + ".tmp"
	fd, err := unix.Open(tmp, unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return fmt.Errorf("open %s: %w", tmp, err)
	}
	f := os.NewFile(uintptr(fd), tmp)
	defer f.Close()
	if err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		return nil
	} else if err != nil {
		return fmt.Errorf("lock %s: %w", tmp, err)
	}
	// Between open and lock another process may have renamed it.
	if !isAt(fd, tmp) {
		return nil
	}
	if err := writeTo(f, content()); err != nil {
		unix.Unlink(tmp)
		return fmt.Errorf("write %s: %w", tmp, err)
	}
	if err := unix.Rename(tmp, path); err != nil {
		unix.Unlink(tmp)
		return fmt.Errorf("rename %s to %s: %w", tmp, path, err)
	}
	return nil
}

// writeTo makes b the content of f, and f private.
func writeTo(f *os.File, b []byte) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	if err := f.Chmod(0o600); err != nil {
		return err
	}
	_, err := f.WriteAt(b, 0)
	return err
}

// isAt says whether path still names the file that fd is open for.
func isAt(fd int, path string) bool {
	var a, b unix.Stat_t
	return unix.Fstat(fd, &a) == nil && unix.Lstat(path, &b) == nil &&
		a.Dev == b.Dev && a.Ino == b.Ino
}
