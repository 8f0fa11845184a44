package layer

import (
	"bytes"
	"io"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// eachExtent calls fn for every range of the file's first size bytes that holds
// data, in order (lseek(2), SEEK_DATA). A file system that cannot tell reports
// one range.
func eachExtent(f *os.File, size int64, fn func(off, n int64) error) error {
	fd := int(f.Fd())
	for off := int64(0); off < size; {
		start, err := seek(fd, off, unix.SEEK_DATA)
		switch err {
		case nil:
		case unix.ENXIO: // no data from here on
			return nil
		case unix.EINVAL, unix.EOPNOTSUPP:
			return fn(off, size-off)
		default:
			return err
		}
		if start >= size {
			return nil
		}
		end, err := seek(fd, start, unix.SEEK_HOLE)
		if err != nil {
			return err
		}
		end = min(end, size)
		if end <= start {
			return ErrChanged
		}
		if err := fn(start, end-start); err != nil {
			return err
		}
		off = end
	}
	return nil
}

func seek(fd int, off int64, whence int) (int64, error) {
	var pos int64
	err := retry(func() (err error) {
		pos, err = unix.Seek(fd, off, whence)
		return err
	})
	return pos, err
}

// extents returns the ranges that hold data, or nil if that is the whole file.
func extents(f *os.File, size int64) ([]Extent, error) {
	list := []Extent{}
	err := eachExtent(f, size, func(off, n int64) error {
		list = append(list, Extent{off, n})
		return nil
	})
	if err != nil || size == 0 || len(list) == 1 && list[0] == (Extent{0, size}) {
		return nil, err
	}
	return list, nil
}

// copier copies file contents and remembers which of the kernel's ways do not
// work between the two file systems.
type copier struct {
	noClone, noCopy bool
	buf             []byte
}

// copy makes the content of dst, an empty file, that of src: size bytes, with
// holes where src has holes.
func (c *copier) copy(dst, src *os.File, size int64) error {
	if size == 0 {
		return nil
	}
	if !c.noClone {
		// A reflink is a copy that shares blocks (ioctl_ficlone(2)); where it
		// is not possible the errno tells why, and the reason does not matter.
		err := retry(func() error { return unix.IoctlFileClone(int(dst.Fd()), int(src.Fd())) })
		if err == nil {
			return c.checkSize(dst, size)
		}
		c.noClone = true
	}
	if err := retry(func() error { return unix.Ftruncate(int(dst.Fd()), size) }); err != nil {
		return err
	}
	return eachExtent(src, size, func(off, n int64) error { return c.copyRange(dst, src, off, n) })
}

func (c *copier) checkSize(f *os.File, size int64) error {
	var st unix.Stat_t
	if err := fstat(int(f.Fd()), &st); err != nil {
		return err
	}
	if st.Size != size {
		return ErrChanged
	}
	return nil
}

func (c *copier) copyRange(dst, src *os.File, off, n int64) error {
	for n > 0 && !c.noCopy {
		from, to := off, off
		var done int
		err := retry(func() (err error) {
			done, err = unix.CopyFileRange(int(src.Fd()), &from, int(dst.Fd()), &to, int(min(n, 1<<30)), 0)
			return err
		})
		switch err {
		case nil:
			if done == 0 {
				return ErrChanged
			}
			off, n = off+int64(done), n-int64(done)
		case unix.EXDEV, unix.EINVAL, unix.ENOSYS, unix.EOPNOTSUPP, unix.EPERM:
			c.noCopy = true // EPERM: what seccomp profiles say
		default:
			return err
		}
	}
	if c.buf == nil && n > 0 {
		c.buf = make([]byte, 128<<10)
	}
	for n > 0 {
		part := c.buf[:min(n, int64(len(c.buf)))]
		if err := readAt(src, part, off); err != nil {
			return err
		}
		if _, err := dst.WriteAt(part, off); err != nil {
			return errno(err)
		}
		off, n = off+int64(len(part)), n-int64(len(part))
	}
	return nil
}

// readAt fills buf from off; a file that ends before is ErrChanged.
func readAt(f *os.File, buf []byte, off int64) error {
	if _, err := f.ReadAt(buf, off); err == io.EOF {
		return ErrChanged
	} else if err != nil {
		return errno(err)
	}
	return nil
}

// same says whether two files of the given size have the same content and the
// same holes.
func (c *copier) same(a, b *os.File, size int64) (bool, error) {
	ea, err := extents(a, size)
	if err != nil {
		return false, err
	}
	eb, err := extents(b, size)
	if err != nil {
		return false, err
	}
	if (ea == nil) != (eb == nil) || !slices.Equal(ea, eb) {
		return false, nil
	}
	if ea == nil {
		ea = []Extent{{0, size}}
	}
	if c.buf == nil {
		c.buf = make([]byte, 128<<10)
	}
	half := len(c.buf) / 2
	for _, e := range ea {
		for off, n := e.Off, e.Len; n > 0; {
			k := int(min(n, int64(half)))
			x, y := c.buf[:k], c.buf[half:half+k]
			if err := readAt(a, x, off); err != nil {
				return false, err
			}
			if err := readAt(b, y, off); err != nil {
				return false, err
			}
			if !bytes.Equal(x, y) {
				return false, nil
			}
			off, n = off+int64(k), n-int64(k)
		}
	}
	return true, nil
}
