package sources

import (
	"bytes"
	"fmt"
	"math/bits"
	"os"
	"path/filepath"
)

// A sequencer makes up sequences, always the same.
type sequencer uint64

// below returns a number less than n: splitmix64's, Steele, Lea and Flood 2014.
func (s *sequencer) below(n int) int {
	*s += 0x9e3779b97f4a7c15
	z := uint64(*s)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	hi, _ := bits.Mul64(z^z>>31, uint64(n))
	return int(hi)
}

// random returns a sequence of letters.
func (s *sequencer) random(letters string, length int) []byte {
	b := make([]byte, length)
	for i := range b {
		b[i] = letters[s.below(len(letters))]
	}
	return b
}

// mutant returns a sequence in which about one letter of rare is another.
func (s *sequencer) mutant(of []byte, letters string, rare int) []byte {
	b := bytes.Clone(of)
	for i := range b {
		if s.below(rare) == 0 {
			b[i] = letters[s.below(len(letters))]
		}
	}
	return b
}

const acids, bases = "ACDEFGHIKLMNPQRSTVWY", "ACGT"

// Proteins makes the directory dir with n files, 000.fa and so on, of four short proteins each
// that are akin, in the FASTA format.
func Proteins(dir string, n int) error {
	if err := os.Mkdir(dir, 0o777); err != nil {
		return err
	}
	s := sequencer(1)
	for i := range n {
		var text []byte
		first := s.random(acids, 40)
		for k := range 4 {
			text = fmt.Appendf(text, ">s%d\n%s\n", k, s.mutant(first, acids, 5))
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%03d.fa", i)), text, 0o666); err != nil {
			return err
		}
	}
	return nil
}

// Reads makes the directory dir with a genome, genome.fa, and n samples of it, 000.fq and so on,
// each of a few hundred short reads with errors, in the FASTQ format.
func Reads(dir string, n int) error {
	if err := os.Mkdir(dir, 0o777); err != nil {
		return err
	}
	s := sequencer(2)
	const length, read = 20_000, 70
	genome := s.random(bases, length)
	if err := os.WriteFile(filepath.Join(dir, "genome.fa"), fmt.Appendf(nil, ">genome\n%s\n", genome), 0o666); err != nil {
		return err
	}
	quality := bytes.Repeat([]byte{'I'}, read)
	for i := range n {
		var text []byte
		for k := range 300 {
			at := s.below(length - read)
			text = fmt.Appendf(text, "@r%d\n%s\n+\n%s\n", k, s.mutant(genome[at:at+read], bases, 50), quality)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%03d.fq", i)), text, 0o666); err != nil {
			return err
		}
	}
	return nil
}
