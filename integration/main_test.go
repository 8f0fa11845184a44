package integration

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// guestID is the uid and gid that a guest sees, and that native runs get
	// when the tests run as root.
	guestID = 1000
	// strangerID is the unprivileged caller of the disturbed runs when the
	// tests run as root. It need not be in /etc/passwd.
	strangerID = 54321
	// runTimeout bounds every run of a program. It is generous because the
	// tests share their machine; it is no performance test.
	runTimeout = 600 * time.Second
	// parallelRuns bounds the programs in flight: more would only make the
	// boxes wait for each other.
	parallelRuns = 2
)

// base is the directory that holds everything the tests make. Everybody may
// search it, because some runs have another uid.
var base string

// slots has one element for each program in flight.
var slots = make(chan struct{}, parallelRuns)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == stageName {
		stageExec(os.Args[2:])
	}
	if len(os.Args) > 1 && os.Args[1] == refuseName {
		refuseExec(os.Args[2:])
	}
	// What nohup, say, has the tests ignore, laplace would too. What is caught here is not.
	signal.Notify(make(chan os.Signal, 1), unix.SIGHUP)
	os.Exit(runAll(m))
}

// runAll runs the tests with a base directory, which it removes afterwards.
func runAll(m *testing.M) int {
	var err error
	base, err = os.MkdirTemp("", "laplace-integration-")
	if err == nil {
		base, err = filepath.EvalSymlinks(base)
	}
	if err == nil {
		err = os.Chmod(base, 0o755)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "integration: making the base directory:", err)
		return 1
	}
	defer removeAll(base)
	return m.Run()
}

// buildLaplace builds the binary under test once. With LAPLACE_BINARY in the
// environment that binary is tested instead.
var buildLaplace = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("LAPLACE_BINARY"); path != "" {
		return filepath.Abs(path)
	}
	dir := filepath.Join(base, "bin")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	path := filepath.Join(dir, "laplace")
	cmd := exec.Command("go", "build", "-o", path, "laplace.dev/laplace")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building laplace: %w\n%s", err, out)
	}
	return path, os.Chmod(path, 0o755)
})

// laplace returns the path of the binary under test.
func laplace(t *testing.T) string {
	t.Helper()
	path, err := buildLaplace()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// removeAll removes a tree even where a program took the permissions of its
// directories away.
func removeAll(dir string) {
	_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if d != nil && d.IsDir() {
			_ = os.Chmod(path, 0o700)
		}
		return nil
	})
	_ = os.RemoveAll(dir)
}
