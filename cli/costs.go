package cli

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"laplace.dev/laplace/determinize/costs"
	"laplace.dev/laplace/runtime"
)

// readCosts reads what an earlier run left at path, which need not be there.
func (c *Caller) readCosts(path string) (*runtime.Costs, error) {
	fail := func(err error, hint string) error {
		return &runtime.Error{Op: "--costs", On: path, Err: cause(err), Hint: hint}
	}
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0) // a FIFO would wait
	if errors.Is(err, fs.ErrNotExist) {
		return &runtime.Costs{}, nil
	}
	if err != nil {
		return nil, fail(err, "a file that you may read and write")
	}
	defer f.Close()
	if fi, err := f.Stat(); err != nil || !fi.Mode().IsRegular() {
		return nil, fail(errors.Join(err, errors.New("not a regular file")), "a file that laplace has written, or a new one")
	}
	text, err := io.ReadAll(io.LimitReader(f, int64(costs.MaxSize)+1))
	if err == nil {
		_, err = costs.Parse(text)
	}
	if err != nil {
		return nil, fail(err, "a file that laplace has written, or a new one")
	}
	return &runtime.Costs{Text: text}, nil
}
