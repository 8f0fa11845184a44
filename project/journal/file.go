package journal

import (
	"bufio"
	"encoding/gob"
	"errors"
	"fmt"
	"io"

	"laplace.dev/laplace/cachelayer/layer"
)

// magic is the first line of a journal. Its number is that of the format.
const magic = "laplace journal 1\n"

// ErrFormat says that what should be a journal is none, or one of another version.
var ErrFormat = errors.New("not a journal of this version")

// Write writes the journal.
func (j *Journal) Write(w io.Writer) error {
	b := bufio.NewWriter(w)
	if _, err := b.WriteString(magic); err != nil {
		return err
	}
	if err := gob.NewEncoder(b).Encode(j); err != nil {
		return err
	}
	return b.Flush()
}

// Read reads what Write wrote. It is not safe for what somebody else may have written.
func Read(r io.Reader) (*Journal, error) {
	b := bufio.NewReader(r)
	head := make([]byte, len(magic))
	if _, err := io.ReadFull(b, head); err != nil || string(head) != magic {
		return nil, ErrFormat
	}
	j := &Journal{}
	if err := gob.NewDecoder(b).Decode(j); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if j.Next < Start || j.Paths == nil {
		return nil, ErrFormat
	}
	for path, p := range j.Paths {
		if p == nil || path == "" || len(path) > layer.MaxPath {
			return nil, ErrFormat
		}
	}
	return j, nil
}
