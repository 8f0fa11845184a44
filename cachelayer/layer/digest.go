package layer

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"os"
)

// digestBlock is the unit in which Digest looks at contents. It is part of the
// digest's definition.
const digestBlock = 64 << 10

const digestMagic = "laplace layer 1\n"

// The digest's letters for kinds.
var digestKinds = [...]byte{File: 'f', Dir: 'd', Symlink: 'l', Fifo: 'p', Socket: 's', Whiteout: 'w'}

// digestLink stands for a further name of an inode.
const digestLink = 'h'

// Digest returns the SHA-256 digest of a layer: of every entry that Walk finds,
// with its virtual metadata, and of the contents. It does not depend on the
// order in which the directories hold their names, nor on the host's times,
// owners and inode numbers, nor on where a file has holes.
//
// The digested bytes are the text "laplace layer 1\n" and then the entries in
// Walk's order, after each of which stands what the next line says. Numbers are
// little-endian, u64 where nothing is said; a string is its length and its bytes.
//
//	entry     1 (u8), path string, kind (u8), and by kind
//	          'w'   nothing (whiteout)
//	          'h'   string: LinkTo (every further name of an inode)
//	          'f'   meta, size, blocks
//	          'd'   meta, opaque (u8: 0 or 1)
//	          'l'   meta, target string
//	          'p' 's'   meta
//	meta      mode, uid, gid, mtime (two's complement), number of attributes,
//	          then of each the name string and the value string
//	blocks    for each block of 64 KiB of the content, the last one shorter,
//	          that has a byte other than zero: 1 (u8), its offset, its bytes as
//	          a string; after the last, 0 (u8)
//	end       0 (u8)
//
// Arguments and errors are those of Walk; every file must be readable.
func Digest(upper *os.File, v Virtual) ([sha256.Size]byte, error) {
	var sum [sha256.Size]byte
	h := sha256.New()
	e := encoder{w: bufio.NewWriterSize(h, 32<<10), h: h}
	e.w.WriteString(digestMagic)
	err := walk(upper, v, func(n *node) error {
		e.entry(&n.Entry)
		if n.Kind != File || n.LinkTo != "" {
			return nil
		}
		f, err := n.open()
		if err != nil {
			return failed("open", n.Path, err)
		}
		defer f.Close()
		if err := e.content(f, n.Size); err != nil {
			return failed("read", n.Path, err)
		}
		return nil
	})
	if err != nil {
		return sum, err
	}
	e.w.WriteByte(0)
	e.w.Flush()
	h.Sum(sum[:0])
	return sum, nil
}

// encoder writes the digested bytes. Writes to a hash never fail.
type encoder struct {
	w   *bufio.Writer
	h   hash.Hash
	buf []byte
}

func (e *encoder) number(n uint64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], n)
	e.w.Write(b[:])
}

func (e *encoder) text(s string) {
	e.number(uint64(len(s)))
	e.w.WriteString(s)
}

func (e *encoder) bytes(b []byte) {
	e.number(uint64(len(b)))
	e.w.Write(b)
}

// entry writes all of an entry but the blocks of its content.
func (e *encoder) entry(n *Entry) {
	e.w.WriteByte(1)
	e.text(n.Path)
	if n.LinkTo != "" {
		e.w.WriteByte(digestLink)
		e.text(n.LinkTo)
		return
	}
	e.w.WriteByte(digestKinds[n.Kind])
	if n.Kind == Whiteout {
		return
	}
	e.number(uint64(n.Mode))
	e.number(uint64(n.UID))
	e.number(uint64(n.GID))
	e.number(uint64(n.Mtime))
	e.number(uint64(len(n.Xattrs)))
	for _, x := range n.Xattrs {
		e.text(x.Name)
		e.bytes(x.Value)
	}
	switch n.Kind {
	case File:
		e.number(uint64(n.Size))
	case Dir:
		opaque := byte(0)
		if n.Opaque {
			opaque = 1
		}
		e.w.WriteByte(opaque)
	case Symlink:
		e.text(n.Target)
	}
}

// content writes the blocks that are not zero. Holes are not read, so that a
// file of 8 EiB without data costs nothing.
func (e *encoder) content(f *os.File, size int64) error {
	if e.buf == nil {
		e.buf = make([]byte, digestBlock)
	}
	next := int64(0) // offset of the first block that was not looked at
	err := eachExtent(f, size, func(off, n int64) error {
		block := max(next, off-off%digestBlock)
		for block < off+n {
			b := e.buf[:min(digestBlock, size-block)]
			if err := readAt(f, b, block); err != nil {
				return err
			}
			if !zero(b) {
				e.w.WriteByte(1)
				e.number(uint64(block))
				e.bytes(b)
			}
			block += int64(len(b))
		}
		next = block
		return nil
	})
	e.w.WriteByte(0)
	return err
}

var zeros [digestBlock]byte

func zero(b []byte) bool { return bytes.Equal(b, zeros[:len(b)]) }
