package integration

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"laplace.dev/laplace/integration/sources"
)

// realVariable in the environment makes the tests build real packages; it is
// what make test-real sets. They need minutes, and on their first run a Debian
// mirror.
const realVariable = "LAPLACE_REAL"

// builds has the source of each script in testdata/build, by its name.
var builds = map[string]sources.Source{"hello": sources.Hello, "lua": sources.Lua}

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
		s, ok := builds[p.name]
		if !ok {
			t.Fatalf("%s: no source is listed for it", p.source)
		}
		prepare := p.build
		p.build = sync.OnceValue(func() error {
			return errors.Join(s.Unpack(p.template()), prepare())
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
		{"cached", (*program).testCached},
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
