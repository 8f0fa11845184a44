package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The rules of the house, see docs/architecture.md. They are about the sources, so they
// hold for every build.

const module = "laplace.dev/laplace"

// layers orders the packages: one may import those of higher number and its own parts.
var layers = map[string]int{
	"main":        0,
	"cli":         1,
	"runtime":     2,
	"oci":         3, // the bundle that runtime runs
	"project":     3, // what is kept of a project whose changes are committed
	"runs":        3, // what is kept of a run
	"determinize": 4,
	"cachelayer":  4,
	"conflict":    5,
	"ns":          5,
}

// whole are the packages of tests that see Laplace from outside; they import nothing of it, but
// may of each other. Of them tests of others import only what makes documents.
var whole = []string{"integration", "bench", ".ci"}

// only says which packages may import a package that others of lower number may not.
var only = map[string][]string{
	"ns": {"runtime"},
}

// external says which packages may import, outside of tests, what is one package's
// business: the package named and all below it.
var external = map[string][]string{
	"flag":                          {"cli", "bench"},
	"github.com/spf13":              {"cli"},
	"github.com/containerd/cgroups": {"runtime/cgroup"},
	"math/rand":                     {}, // randomness comes from seeds: determinize/prng
	module + "/determinize/tracer":  {"determinize", "determinize/tracer", "runtime/probe"},
}

// A use is something that only some files may name, because it is one package's
// business or because results must not depend on it.
type use struct {
	names []string // "package.Name"; a name that ends in * is a prefix
	files []string // those that may, relative to the module; one that ends in / is a directory
	why   string
}

var uses = []use{
	{
		[]string{
			"unix.PTRACE_*", "syscall.PTRACE_*", "unix.SYS_PTRACE", "syscall.SYS_PTRACE",
			"unix.PtraceA*", "unix.PtraceC*", "unix.PtraceD*", "unix.PtraceG*", "unix.PtraceI*", // not unix.PtraceRegs,
			"unix.PtraceL*", "unix.PtraceP*", "unix.PtraceS*", "syscall.Ptrace*", // the layout of registers
		},
		[]string{"determinize/tracer/", "determinize/policy/"},
		"ptrace is determinize/tracer's; the policy table only names the call",
	},
	{
		[]string{"time.Now", "time.Since", "time.Until"},
		[]string{"runtime/", "bench/"},
		"real time never reaches a result: only the runtime measures it, for timeouts and wall_ms",
	},
	{
		[]string{"fmt.Print*", "os.Stdout"},
		[]string{"cli/", "main.go", ".ci/", "bench/", "runtime/probe/child.go"},
		"only cli prints; a probe answers its parent",
	},
	{
		[]string{"os.Args"},
		[]string{"main.go", ".ci/", "runtime/probe/child.go"},
		"only cli reads arguments; a probe reads its name",
	},
}

// A source is a Go file of the module.
type source struct {
	path string // relative to the module
	pkg  string // its directory: "main", "determinize/tracer"
	test bool
	text []byte
	ast  *ast.File
	fset *token.FileSet
}

func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == ".git" || entry.Name() == "testdata"):
			return fs.SkipDir
		case entry.IsDir() || filepath.Ext(path) != ".go":
			return nil
		}
		s := source{path: path, pkg: filepath.Dir(path), test: strings.HasSuffix(path, "_test.go"), fset: token.NewFileSet()}
		if s.pkg == "." {
			s.pkg = "main"
		}
		if s.text, err = os.ReadFile(path); err != nil {
			return err
		}
		if s.ast, err = parser.ParseFile(s.fset, path, s.text, parser.ParseComments); err != nil {
			return err
		}
		all = append(all, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 10 {
		t.Fatalf("only %d sources found: the test must run at the module's root", len(all))
	}
	return all
}

func TestImports(t *testing.T) {
	for _, s := range sources(t) {
		for _, spec := range s.ast.Imports {
			path := strings.Trim(spec.Path.Value, `"`)
			if why := forbidden(s, path); why != "" {
				t.Errorf("%s: imports %s: %s", s.fset.Position(spec.Pos()), path, why)
			}
		}
	}
}

// forbidden says why s may not import path; "" when it may.
func forbidden(s source, path string) string {
	if !s.test {
		for dir, packages := range external {
			if (path == dir || strings.HasPrefix(path, dir+"/")) && !slices.Contains(packages, s.pkg) {
				return fmt.Sprintf("only %q may", packages)
			}
		}
	}
	rel, ours := strings.CutPrefix(path, module+"/")
	if !ours {
		return ""
	}
	from, to := top(s.pkg), top(rel)
	if slices.Contains(whole, from) && !slices.Contains(whole, to) {
		return "tests of the whole import nothing of it"
	}
	if from == to || slices.Contains(whole, from) || s.test && rel == "integration/mutants" {
		return ""
	}
	fromLayer, known := layers[from]
	toLayer, knownTo := layers[to]
	switch {
	case !known || !knownTo:
		return "a package that the layers don't have"
	case fromLayer >= toLayer:
		return from + " stands below or beside " + to
	case only[to] != nil && !slices.Contains(only[to], from):
		return fmt.Sprintf("only %q may", only[to])
	}
	return ""
}

// top is the first component of a package's path.
func top(pkg string) string {
	first, _, _ := strings.Cut(pkg, "/")
	return first
}

func TestUses(t *testing.T) {
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		for name, position := range names(s) {
			for _, u := range uses {
				if u.matches(name) && !u.allows(s.path) {
					t.Errorf("%s: %s: %s", position, name, u.why)
				}
			}
		}
	}
}

// names are the qualified identifiers in a file, by the import's real name, with a
// position of each.
func names(s source) map[string]token.Position {
	imports := map[string]string{}
	for _, spec := range s.ast.Imports {
		path := strings.Trim(spec.Path.Value, `"`)
		name := path[strings.LastIndex(path, "/")+1:]
		if spec.Name != nil {
			imports[spec.Name.Name] = name
		} else {
			imports[name] = name
		}
	}
	found := map[string]token.Position{}
	ast.Inspect(s.ast, func(n ast.Node) bool {
		if selector, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := selector.X.(*ast.Ident); ok && imports[x.Name] != "" {
				found[imports[x.Name]+"."+selector.Sel.Name] = s.fset.Position(n.Pos())
			}
		}
		return true
	})
	return found
}

func (u use) matches(name string) bool {
	return slices.ContainsFunc(u.names, func(pattern string) bool {
		prefix, isPrefix := strings.CutSuffix(pattern, "*")
		return name == pattern || isPrefix && strings.HasPrefix(name, prefix)
	})
}

func (u use) allows(path string) bool {
	return slices.ContainsFunc(u.files, func(file string) bool {
		return path == file || strings.HasSuffix(file, "/") && strings.HasPrefix(path, file)
	})
}

func TestFormat(t *testing.T) {
	const limit = 500 // lines; more is a sign that a file does two things
	for _, s := range sources(t) {
		formatted, err := format.Source(s.text)
		if err != nil {
			t.Errorf("%s: %v", s.path, err)
		} else if !bytes.Equal(formatted, s.text) {
			t.Errorf("%s: not formatted: gofmt -w %s", s.path, s.path)
		}
		if lines := bytes.Count(s.text, []byte("\n")); lines > limit {
			t.Logf("warning: %s: %d lines, more than %d", s.path, lines, limit)
		}
	}
}

// TestRules checks that the rules catch what breaks them.
func TestRules(t *testing.T) {
	for _, test := range []struct {
		from, imports string
		allowed       bool
	}{
		{"main", "cli", true},
		{"main", "runtime", true},
		{"cli", "oci", true},
		{"cli", "runtime/probe", true},
		{"cli", "determinize/policy", true},
		{"runtime", "oci", true},
		{"runtime/seccomp", "oci", true},
		{"oci", "runtime/seccomp", false},
		{"runtime/rootfs", "ns", true},
		{"runtime", "cachelayer", true},
		{"runtime", "project", true},
		{"project", "cachelayer/layer", true},
		{"cli", "runs", true},
		{"runtime", "runs", true},
		{"runs", "conflict", true},
		{"runs", "runtime", false},
		{"runs", "project", false},
		{"determinize", "runs", false},
		{"project", "runtime", false},
		{"project", "oci", false},
		{"determinize", "determinize/policy", true},
		{"determinize", "conflict", true},
		{"oci", "runtime", false},
		{"cli", "ns", false},
		{"determinize", "ns", false},
		{"determinize/vfs", "cachelayer", false},
		{"determinize", "oci", false},
		{"determinize/policy", "runtime", false},
		{"cachelayer", "determinize", false},
		{"ns", "conflict", false},
		{"ns", "oci", false},
		{"conflict", "ns", false},
		{"runtime", "determinize/tracer", false},
		{"integration", "oci", false},
		{"bench", "integration/sources", true},
		{"cli", "integration/sources", false},
		{"cli", "elsewhere", false},
	} {
		why := forbidden(source{pkg: test.from}, module+"/"+test.imports)
		if (why == "") != test.allowed {
			t.Errorf("%s imports %s: %q", test.from, test.imports, why)
		}
	}
	for _, path := range []string{"flag", "math/rand", "math/rand/v2", "github.com/containerd/cgroups/v3/cgroup2", "github.com/spf13/pflag"} {
		if forbidden(source{pkg: "determinize"}, path) == "" {
			t.Errorf("determinize may import %s", path)
		}
	}
	if why := forbidden(source{pkg: "determinize"}, "flagset.example/x"); why != "" {
		t.Errorf("a module whose name begins like a package: %s", why)
	}

	file := source{path: "determinize/x.go", fset: token.NewFileSet()}
	var err error
	file.ast, err = parser.ParseFile(file.fset, file.path, `package x
import ("time"; clock "time"; "fmt"; "golang.org/x/sys/unix")
var now = clock.Now
func f() { fmt.Println(unix.PTRACE_SEIZE, time.Second) }`, 0)
	if err != nil {
		t.Fatal(err)
	}
	broken := 0
	for name := range names(file) {
		for _, u := range uses {
			if u.matches(name) && !u.allows(file.path) {
				broken++
			}
		}
	}
	if broken != 3 {
		t.Errorf("%d of 3 broken rules found", broken)
	}
}
