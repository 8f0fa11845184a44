package prng

import (
	"encoding/binary"

	"golang.org/x/crypto/chacha20"
)

// blockSize is the length of one ChaCha20 block.
const blockSize = 64

// Stream is an endless stream of random bytes: the ChaCha20 key stream of
// RFC 8439 under a key derived from a seed and a label.
//
// A Stream is its key and its position, nothing else, so a plain copy of the
// value continues independently from the same place. That is what fork(2) needs
// where both sides must see the same bytes; where they must differ, the child
// gets a stream of its own seed. The zero Stream is valid but not secret.
//
// ChaCha20 comes from golang.org/x/crypto because RFC 8439 fixes its output for
// all time and its counter gives random access. math/rand/v2.ChaCha8 has
// neither: its position can only be reached by drawing everything before it.
type Stream struct {
	key    [chacha20.KeySize]byte
	offset uint64
}

// NewStream returns the stream of seed for one use, which label names, at
// position 0. Streams of different seeds or labels are unrelated.
func NewStream(seed Seed, label string) Stream {
	h := newHash(domainStream)
	h.bytes(seed[:])
	h.string(label)
	return Stream{key: h.seed()}
}

// Offset returns the position of the next byte, counted from 0.
func (s *Stream) Offset() uint64 { return s.offset }

// SeekTo moves to a position that Offset returned earlier, or to any other.
func (s *Stream) SeekTo(offset uint64) { s.offset = offset }

// Read fills p with the next bytes of the stream. It always fills all of p, and
// never fails. How a sequence of reads is divided does not change the bytes.
func (s *Stream) Read(p []byte) (int, error) {
	n := len(p)
	clear(p)
	for len(p) > 0 {
		k := min(uint64(len(p)), s.segmentLeft())
		s.xor(p[:k])
		s.offset += k
		p = p[k:]
	}
	return n, nil
}

// segment is how many bytes the 32-bit block counter of RFC 8439 covers.
const segment = blockSize << 32

// segmentLeft returns how many bytes are left under the current nonce.
func (s *Stream) segmentLeft() uint64 { return segment - s.offset%segment }

// xor adds the key stream at the current position to p, which must not reach
// beyond the segment.
func (s *Stream) xor(p []byte) {
	var nonce [chacha20.NonceSize]byte
	// The position continues into the nonce where the counter ends.
	binary.LittleEndian.PutUint64(nonce[4:], s.offset/segment)
	c, err := chacha20.NewUnauthenticatedCipher(s.key[:], nonce[:])
	if err != nil {
		// Only wrong lengths are errors, and both are array sizes.
		panic(err)
	}
	c.SetCounter(uint32(s.offset % segment / blockSize))
	var skipped [blockSize]byte
	skip := s.offset % blockSize
	c.XORKeyStream(skipped[:skip], skipped[:skip])
	c.XORKeyStream(p, p)
}
