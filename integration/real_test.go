package integration

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// realVariable in the environment makes the tests build real packages; it is
// what make test-real sets. They need minutes, and on their first run a Debian
// mirror.
const realVariable = "LAPLACE_REAL"

// cacheVariable names the directory that keeps downloaded sources from one
// run to the next. The default is in the user's cache directory.
const cacheVariable = "LAPLACE_CACHE"

// TestRealPrograms runs what people run: coreutils, bash, gcc, make, tar,
// find, sort, perl, python3 and git. The scripts in testdata/real list, in
// their directives, the verdict of each and the calls that it may be refused.
func TestRealPrograms(t *testing.T) {
	testWays(t, loadScripts(t, "testdata/real/*.sh"))
}

// TestRealBuilds builds packages from their unmodified upstream sources.
func TestRealBuilds(t *testing.T) {
	if os.Getenv(realVariable) == "" {
		t.Skipf("building GNU hello and lua takes minutes: set %s=1, or run make test-real", realVariable)
	}
	programs := loadScripts(t, "testdata/build/*.sh")
	for _, p := range programs {
		s, ok := sources[p.name]
		if !ok {
			t.Fatalf("%s: no source is listed for it", p.source)
		}
		prepare := p.build
		p.build = sync.OnceValue(func() error {
			tarball, err := s.fetch()
			if err != nil {
				return err
			}
			return errors.Join(unpack(tarball, p.template()), prepare())
		})
	}
	testWays(t, programs)
}

// loadScripts loads the scripts that match a pattern.
func loadScripts(t *testing.T, pattern string) []*program {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no script matches %s (error %v)", pattern, err)
	}
	var all []*program
	for _, path := range paths {
		p, err := loadProgram(path)
		if err != nil {
			t.Fatal(err)
		}
		// Names repeat those of other families, directories may not.
		p.dir = filepath.Join(base, filepath.Base(filepath.Dir(path))+"-"+p.name)
		p.project = filepath.Join(p.dir, "project")
		all = append(all, p)
	}
	return all
}

// testWays runs programs natively, boxed and disturbed, as TestPrograms does.
func testWays(t *testing.T, programs []*program) {
	for _, way := range []struct {
		name string
		test func(*program, *testing.T)
	}{
		{"native", (*program).testNative},
		{"boxed", (*program).testBoxed},
		{"disturbed", (*program).testDisturbed},
	} {
		t.Run(way.name, func(t *testing.T) {
			for _, p := range programs {
				t.Run(p.name, func(t *testing.T) {
					t.Parallel()
					way.test(p, t)
				})
			}
		})
	}
}

// source is an upstream tarball of a Debian source package.
type source struct {
	Package string // source package
	Tarball string // its upstream tarball
	SHA256  string // digest of that, in hexadecimal
}

// sources has the source of each script in testdata/build, by its name.
var sources = map[string]source{
	"hello": {"hello", "hello_2.10.orig.tar.gz", "31e066137a962676e89f69d1b65382de95a7ef7d914b8cb956f41ea72e0f516b"},
	"lua":   {"lua5.4", "lua5.4_5.4.4.orig.tar.gz", "164c7849653b80ae67bec4b7473b884bf5cc8d2dca05653475ec2ed27b9ebf61"},
}

// sourceList is the only place that packages come from: one fixed release, so
// that every machine builds the same.
const sourceList = "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bookworm main\n"

// fetching makes apt-get run once at a time: it locks its directories.
var fetching sync.Mutex

// fetch returns the path of the tarball, downloaded by apt-get into the cache
// if it isn't there. apt-get gets a configuration of its own: the machine's
// lists stay as they are, and no privilege is needed.
func (s source) fetch() (string, error) {
	fetching.Lock()
	defer fetching.Unlock()
	cache := os.Getenv(cacheVariable)
	if cache == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("no place for sources, set %s: %w", cacheVariable, err)
		}
		cache = filepath.Join(dir, "laplace-integration", "sources")
	}
	path := filepath.Join(cache, s.Tarball)
	if s.check(path) == nil {
		return path, nil
	}
	apt := filepath.Join(cache, "apt")
	for _, dir := range []string{"lists/partial", "archives/partial"} {
		if err := os.MkdirAll(filepath.Join(apt, dir), 0o755); err != nil {
			return "", err
		}
	}
	list := filepath.Join(apt, "sources.list")
	if err := os.WriteFile(list, []byte(sourceList), 0o644); err != nil {
		return "", err
	}
	options := []string{
		"-q", "-o", "Dir::Etc::sourcelist=" + list, "-o", "Dir::Etc::sourceparts=-",
		"-o", "Dir::State::lists=" + filepath.Join(apt, "lists"), "-o", "Dir::Cache=" + apt,
		"-o", "APT::Sandbox::User=", "-o", "Acquire::Retries=3",
	}
	for _, args := range [][]string{{"update"}, {"source", "--download-only", s.Package}} {
		cmd := exec.Command("apt-get", append(options, args...)...)
		cmd.Dir = cache
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("apt-get %s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	return path, s.check(path)
}

// check fails unless the file at path is the tarball.
func (s source) check(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if sum := fmt.Sprintf("%x", sha256.Sum256(data)); sum != s.SHA256 {
		return fmt.Errorf("%s: SHA-256 %s, want %s", path, sum, s.SHA256)
	}
	return nil
}

// unpack unpacks a tarball into a new directory, without the directory that
// all its names begin with.
func unpack(tarball, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	cmd := exec.Command("tar", "--extract", "--gzip", "--no-same-owner", "--no-same-permissions",
		"--strip-components=1", "--file", tarball, "--directory", dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("unpacking %s: %w\n%s", tarball, err, out)
	}
	return nil
}

// TestSourceCheck fails if a damaged tarball would be taken for the real
// one.
func TestSourceCheck(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tarball")
	s := source{Tarball: "tarball", SHA256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}
	if err := s.check(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no tarball: error %v", err)
	}
	for text, good := range map[string]bool{"abc": true, "abd": false, "": false} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := s.check(path); (err == nil) != good {
			t.Errorf("%q: error %v", text, err)
		}
	}
}
