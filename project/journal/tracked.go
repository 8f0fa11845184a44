package journal

import (
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/index"
	"golang.org/x/sys/unix"
)

// maxIndex is the size of the greatest index that is read, and maxGitFile that of a file
// that says where a repository is; bytes.
const (
	maxIndex   = 1 << 30
	maxGitFile = 8 << 10
)

// Tracked returns what tells which paths of a project git has in its index, that of the
// project and those of its submodules; nil, and an error if it is for another reason, where
// git does not work on the project. git itself is not run: a repository can have it run
// anything.
func Tracked(project string) (func(path string) bool, error) {
	set := map[string]bool{".git": true} // where it is a file
	if err := readIndex(set, project, "", 0); err != nil {
		if os.IsNotExist(err) {
			return nil, nil
		}
		return nil, err
	}
	return func(path string) bool { return set[path] }, nil
}

// maxDepth is how deeply submodules may lie in one another.
const maxDepth = 16

// readIndex adds what the index of the work tree at prefix holds.
func readIndex(set map[string]bool, project, prefix string, depth int) error {
	dir, err := gitDir(filepath.Join(project, prefix))
	if err != nil {
		return err
	}
	f, err := openRegular(filepath.Join(dir, "index"))
	if err != nil {
		return err
	}
	defer f.Close()
	var ix index.Index
	if err := index.NewDecoder(io.LimitReader(f, maxIndex)).Decode(&ix); err != nil {
		return fmt.Errorf("read %s: %w", f.Name(), err)
	}
	for _, e := range ix.Entries {
		at := path.Join(prefix, e.Name)
		set[at] = true
		if e.Mode == filemode.Submodule && depth < maxDepth {
			// One that is not checked out is an empty directory.
			if err := readIndex(set, project, at, depth+1); err == nil {
				set[path.Join(at, ".git")] = true
			}
		}
	}
	return nil
}

// gitDir is where the repository of a work tree is: .git, or what the file .git names;
// gitrepository-layout(5).
func gitDir(tree string) (string, error) {
	dot := filepath.Join(tree, ".git")
	fi, err := os.Lstat(dot)
	if err != nil {
		return "", err
	}
	if fi.IsDir() {
		return dot, nil
	}
	f, err := openRegular(dot)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxGitFile))
	if err != nil {
		return "", err
	}
	dir, ok := strings.CutPrefix(strings.TrimRight(string(text), "\n"), "gitdir: ")
	if !ok {
		return "", fmt.Errorf("read %s: it does not say where the repository is", dot)
	}
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(tree, dir)
	}
	return dir, nil
}

// openRegular opens a regular file, without waiting for anything else.
func openRegular(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if fi, err := f.Stat(); err != nil || !fi.Mode().IsRegular() {
		f.Close()
		return nil, fmt.Errorf("open %s: not a regular file", path)
	}
	return f, nil
}
