// Package prng derives every random byte, process id and clock digit of a box
// from seeds, so that they are functions of what runs and not of when or where.
//
// A seed belongs to one process image. It is derived by SHA-256 from the seed
// of the parent and from what makes the new image this one and no other: its
// arguments, directory and executable for execve(2), its index for fork(2).
// Nothing that an unrelated sibling does enters, so nothing shifts when such a
// sibling appears. The environment never enters: MAKEFLAGS, MAKELEVEL, SHLVL,
// OLDPWD and "_" differ between a build's sub-makes without meaning anything.
//
// Everything here is an input of stored results. Changing any output, even for
// one argument, is a change of the state format; the tests hold golden vectors.
package prng

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
)

// Domains separate the uses of SHA-256 from each other: two derivations with
// different domains never hash the same message. The number is the format.
const (
	domainRoot   = "laplace/root/1"
	domainExec   = "laplace/exec/1"
	domainFork   = "laplace/fork/1"
	domainDerive = "laplace/derive/1"
	domainPid    = "laplace/pid/1"
	domainDigits = "laplace/digits/1"
	domainStream = "laplace/stream/1"
)

// The range of process ids that seeds and the kernel hand out.
const (
	// MinPid is the kernel's RESERVED_PIDS: after the first wrap no pid below
	// it is allocated.
	MinPid = 300
	// MaxPid is the highest pid under the greatest pid_max, 4194304.
	MaxPid = 4194303
)

// Seed is the secret of one process image, from which its randomness, the pids
// of its children and the low digits of its clock come.
type Seed [32]byte

// Root returns the seed of the box itself, the parent of the first command.
// config is any unambiguous encoding of what the user chose (--seed); an empty
// one is valid and is the default.
func Root(config []byte) Seed {
	h := newHash(domainRoot)
	h.bytes(config)
	return h.seed()
}

// Exec returns the seed of the image that a successful execve(2) starts.
//
// parent is the seed of the image under which this one is counted. argv is as
// passed to the call, cwd the absolute working directory as the guest sees it,
// exe the SHA-256 of the file executed (of the interpreter chain, for a script),
// and n counts the earlier images under the same parent whose argv, cwd and exe
// are the same.
func Exec(parent Seed, argv []string, cwd string, exe [32]byte, n uint64) Seed {
	h := newHash(domainExec)
	h.bytes(parent[:])
	h.uint64(uint64(len(argv)))
	for _, arg := range argv {
		h.string(arg)
	}
	h.string(cwd)
	h.bytes(exe[:])
	h.uint64(n)
	return h.seed()
}

// Fork returns the seed of the child that the parent's index-th fork(2),
// vfork(2) or clone(2) creates, counted from 0 since the parent's own start.
func Fork(parent Seed, index uint64) Seed {
	h := newHash(domainFork)
	h.bytes(parent[:])
	h.uint64(index)
	return h.seed()
}

// Derive returns a seed for another purpose of the same image. label names the
// purpose and n tells instances of it apart.
func (s Seed) Derive(label string, n uint64) Seed {
	h := newHash(domainDerive)
	h.bytes(s[:])
	h.string(label)
	h.uint64(n)
	return h.seed()
}

// Pid returns the process id wanted for the child of the index-th fork of the
// process with this seed, from MinPid to last, which is MaxPid where the kernel has
// that many. It may be taken already: who gets it then is decided by package pids.
func (s Seed) Pid(index uint64, last int) int {
	h := newHash(domainPid)
	h.bytes(s[:])
	h.uint64(index)
	return MinPid + int(h.uint64n(uint64(last-MinPid+1)))
}

// Digits returns the part below one millisecond of the n-th clock reading of
// the process with this seed, in nanoseconds from 0 to 999,999. Programs make
// temporary names from these digits, so parallel siblings must differ in them.
func Digits(s Seed, n uint64) int64 {
	h := newHash(domainDigits)
	h.bytes(s[:])
	h.uint64(n)
	return int64(h.uint64n(1_000_000))
}

// hasher writes an injective encoding of its fields into SHA-256: numbers are
// eight bytes, big endian; byte strings are preceded by their length.
type hasher struct{ h hash.Hash }

func newHash(domain string) hasher {
	h := hasher{sha256.New()}
	h.string(domain)
	return h
}

func (h hasher) uint64(v uint64) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], v)
	h.h.Write(b[:])
}

func (h hasher) bytes(p []byte) {
	h.uint64(uint64(len(p)))
	h.h.Write(p)
}

func (h hasher) string(s string) {
	h.uint64(uint64(len(s)))
	h.h.Write([]byte(s))
}

func (h hasher) seed() (s Seed) {
	h.h.Sum(s[:0])
	return s
}

// uint64n returns a number below n. The bias of the remainder is below n/2^64.
func (h hasher) uint64n(n uint64) uint64 {
	s := h.seed()
	return binary.BigEndian.Uint64(s[:8]) % n
}
