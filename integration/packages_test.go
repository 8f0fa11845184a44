package integration

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"laplace.dev/laplace/integration/sources"
)

// packageProject makes an empty project, for a test that builds it from the sources
// that fill it, a directory each.
func packageProject(t *testing.T, name string, from map[string]sources.Source) (dir, project string, who caller) {
	t.Helper()
	if os.Getenv(realVariable) == "" {
		t.Skipf("building packages takes minutes: set %s=1, or run make test-real", realVariable)
	}
	t.Parallel()
	dir = filepath.Join(base, name)
	home := filepath.Join(dir, "home")
	project = filepath.Join(dir, "project")
	for _, d := range []string{home, project} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { removeAll(dir) })
	for to, source := range from {
		if err := source.Unpack(filepath.Join(project, to)); err != nil {
			t.Fatal(err)
		}
	}
	return dir, project, plainCaller(home)
}

// checked runs a shell command under laplace check, all runs of which must be the same,
// and returns the directory with what the canonical one has made.
func checked(t *testing.T, dir, project string, who caller, command string, flags ...string) string {
	t.Helper()
	saved := filepath.Join(dir, "saved")
	argv := append([]string{laplace(t), "check", "--save", saved}, flags...)
	r := run(t, who, project, nil, append(argv, "--", "sh", "-ec", command)...)
	if r.Exit != 0 || !strings.Contains(r.Stderr, "check: 3 runs are the same") {
		t.Fatalf("laplace check: exit status %d\n%s%s", r.Exit, clip(r.Stdout), clip(r.Stderr))
	}
	return filepath.Join(saved, "canonical", "tree")
}

// TestRealDebian builds a Debian package as its maintainers do.
func TestRealDebian(t *testing.T) {
	dir, project, who := packageProject(t, "debian", map[string]sources.Source{
		"hello-2.10": sources.Hello, "hello-2.10/debian": sources.HelloDebian})
	// dpkg-deb compresses with threads, or with gzip.
	made := checked(t, dir, project, who, "cd hello-2.10; dpkg-buildpackage -b -us -uc",
		"--env", "DPKG_DEB_COMPRESSOR_TYPE=gzip")
	for _, name := range []string{"hello_2.10-3_amd64.deb", "hello-dbgsym_2.10-3_amd64.deb", "hello_2.10-3_amd64.changes", "hello_2.10-3_amd64.buildinfo"} {
		if info, err := os.Stat(filepath.Join(made, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s is not made: %v", name, err)
		}
	}
}

// embeds builds two packages that say where, by whom and when they were built, with
// random build IDs, and lists what was made as the directories have it, in a file that is
// named by a process ID.
const embeds = `(cd lsof; LSOF_CFGL=-Wl,--build-id=uuid ./Configure -n linux; make -j4)
(cd unzip; make -f unix/Makefile generic CC='gcc -Wl,--build-id=uuid')
find . -name '*.o' >order-$$`

// TestRealEmbeds builds what two native builds of are different: in boxes they are the same.
func TestRealEmbeds(t *testing.T) {
	dir, project, who := packageProject(t, "embeds", map[string]sources.Source{"lsof": sources.Lsof, "unzip": sources.Unzip})
	made := checked(t, dir, project, who, embeds)

	var order [2]string
	native := [2]string{filepath.Join(dir, "native-0"), filepath.Join(dir, "native-1")}
	env := slices.DeleteFunc(nativeCaller(filepath.Join(dir, "home"), -1).Env, func(v string) bool { return strings.HasPrefix(v, "SOURCE_DATE_EPOCH=") })
	started := time.Now()
	for i, dir := range native {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := copyTree(dir, project, copyOptions{Owner: -1}); err != nil {
			t.Fatal(err)
		}
		c := caller{UID: -1, Umask: 0o022, CPU: -1, Env: env}
		if r := run(t, c, dir, nil, "/bin/sh", "-ec", embeds); r.Exit != 0 {
			t.Fatalf("native: exit status %d\n%s%s", r.Exit, clip(r.Stdout), clip(r.Stderr))
		}
		list, _ := filepath.Glob(filepath.Join(dir, "order-*"))
		if len(list) != 1 {
			t.Fatalf("%q", list)
		}
		order[i] = list[0]
	}
	read := func(path ...string) []byte {
		text, err := os.ReadFile(filepath.Join(path...))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	// What is embedded natively, and would differ: else this test shows nothing.
	for _, name := range []string{"lsof/lsof", "unzip/unzip"} {
		if bytes.Equal(read(native[0], name), read(native[1], name)) {
			t.Errorf("two native builds of %s are the same", name)
		}
	}
	if !bytes.Contains(read(native[0], "lsof/version.h"), []byte(host)) {
		t.Errorf("the host's name %s is not in lsof/version.h", host)
	}
	dated := false
	for at := started; !at.After(time.Now().Add(24 * time.Hour)); at = at.Add(24 * time.Hour) { // midnight may come
		dated = dated || bytes.Contains(read(native[0], "unzip/unzip"), []byte(at.UTC().Format("Jan _2 2006")))
	}
	if !dated {
		t.Error("the day is not in unzip/unzip")
	}
	if filepath.Base(order[0]) == filepath.Base(order[1]) {
		t.Errorf("two native shells are process %s", order[0])
	}
	if lines := strings.Split(string(read(order[0])), "\n"); slices.IsSorted(lines) {
		t.Error("the directories are in order natively")
	}

	for name, want := range map[string]string{"lsof/version.h": `"Linux laplace `, "unzip/unzip": "Jan  1 2020"} {
		if !bytes.Contains(read(made, name), []byte(want)) {
			t.Errorf("%s has no %q", name, want)
		}
	}
}
