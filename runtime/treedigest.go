package runtime

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"strconv"
)

// treeDigest is the digest of everything that a box changed: of each overlay's
// place in the box and the digest of its layer.
type treeDigest struct{ h hash.Hash }

func newTreeDigest() treeDigest { return treeDigest{sha256.New()} }

func (t treeDigest) add(target string, sum [sha256.Size]byte) {
	t.h.Write([]byte(strconv.Quote(target)))
	t.h.Write(sum[:])
}

func (t treeDigest) sum() string { return "sha256:" + hex.EncodeToString(t.h.Sum(nil)) }
