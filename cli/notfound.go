package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"laplace.dev/laplace/runtime"
)

// explain adds, to the error that a command is not in the box, where the host has it.
func (c *Caller) explain(err error, box *runtime.Box) error {
	e, ok := errors.AsType[*runtime.Error](err)
	if !ok || e.Exit != runtime.ExitNotFound {
		return err
	}
	name := box.Spec.Process.Args[0]
	path := c.onHost(name)
	if path != "" && sees(box, path) {
		// The box has it, so what it lacks is the interpreter.
		name = interpreter(path)
		path = c.onHost(name)
	}
	explained := *e
	if path == "" && name != box.Spec.Process.Args[0] && name != "" {
		explained.Err = fmt.Errorf("its interpreter, %s: %w", name, e.Err)
		explained.Hint = "install it, or correct the first line"
		return &explained
	}
	if path == "" || sees(box, path) {
		return err
	}
	explained.On = name
	explained.Err = notInBox{path, e.Err}
	explained.Hint = "--ro " + filepath.Dir(path)
	if path != name && !strings.Contains(name, "/") {
		explained.Hint += ", and call it " + path
	}
	return &explained
}

// sees reports whether the box has the host's path at the same place.
func sees(box *runtime.Box, path string) bool {
	below := func(source, target string) bool {
		return source == target && (path == source || strings.HasPrefix(path, source+"/"))
	}
	for _, overlay := range box.Overlays {
		if below(overlay.Source, overlay.Target) {
			return true
		}
	}
	for _, m := range box.Spec.Mounts {
		if m.Type == "bind" && below(m.Source, m.Destination) {
			return true
		}
	}
	return false
}

// interpreter is the program in the first line of a script, see execve(2); "" where
// there is none.
func interpreter(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	start := make([]byte, 256) // BINPRM_BUF_SIZE
	n, _ := io.ReadFull(f, start)
	line, _, _ := bytes.Cut(start[:n], []byte("\n"))
	rest, script := bytes.CutPrefix(line, []byte("#!"))
	if fields := bytes.Fields(rest); script && len(fields) > 0 {
		return string(fields[0])
	}
	return ""
}

// notInBox says that the host has a command which the box lacks.
type notInBox struct {
	path string
	err  error
}

func (e notInBox) Error() string { return "not in the box; the host has " + e.path }
func (e notInBox) Unwrap() error { return e.err }

// onHost returns where the caller's own shell would find a command; "" for nowhere.
func (c *Caller) onHost(name string) string {
	if name == "" {
		return ""
	}
	dirs := []string{""}
	if !strings.Contains(name, "/") {
		path, _ := c.getenv("PATH")
		dirs = filepath.SplitList(path)
	}
	for _, dir := range dirs {
		path, err := c.abs(filepath.Join(dir, name))
		if err != nil {
			return ""
		}
		if fi, err := os.Stat(path); err == nil && fi.Mode().IsRegular() && fi.Mode()&0o111 != 0 {
			return path
		}
	}
	return ""
}

var errNotFound = errors.New("not found")

// lookupCause is the cause of an error of exec.LookPath or of execve(2).
func lookupCause(err error) error {
	if e, ok := errors.AsType[*exec.Error](err); ok {
		err = e.Err
	}
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		return errNotFound
	}
	return cause(err)
}
