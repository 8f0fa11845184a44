package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

var update = flag.Bool("update", false, "write docs/syscalls.md")

func TestMain(m *testing.M) {
	if os.Getenv(helperEnv) != "" {
		helper()
		return
	}
	os.Exit(m.Run())
}

// kernelNames reads the SYS_ constants of x/sys/unix, by number.
func kernelNames(t *testing.T) map[int]string {
	t.Helper()
	pkg, err := build.Import("golang.org/x/sys/unix", ".", build.FindOnly)
	if err != nil {
		t.Fatal(err)
	}
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(pkg.Dir, "zsysnum_linux_amd64.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	names := make(map[int]string)
	ast.Inspect(file, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		for i, id := range v.Names {
			name, ok := strings.CutPrefix(id.Name, "SYS_")
			if !ok {
				continue
			}
			nr, err := strconv.Atoi(v.Values[i].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			names[nr] = strings.ToLower(name)
		}
		return true
	})
	return names
}

func TestEveryCallHasARow(t *testing.T) {
	names := kernelNames(t)
	if len(names) < 380 {
		t.Fatalf("found only %d calls in x/sys/unix", len(names))
	}
	for nr, name := range names {
		if nr >= Size {
			continue // later than 6.18
		}
		if got := Table[nr].Name; got != name {
			t.Errorf("row %d has name %q, the kernel's is %q", nr, got, name)
		}
	}
	for nr := range Table {
		if _, ok := names[nr]; !ok && Table[nr].Name != "" {
			t.Errorf("row %d, %s: the kernel has no such call", nr, Table[nr].Name)
		}
	}
}

func TestEveryCallIsInOneFamily(t *testing.T) {
	seen := make(map[int]bool)
	for _, rows := range families {
		for nr, r := range rows {
			if r.Name == "" {
				if r.Class != Refuse || r.Why != "" {
					t.Errorf("row %d has no name", nr)
				}
				continue
			}
			if seen[nr] {
				t.Errorf("row %d, %s, is in two families", nr, r.Name)
			}
			seen[nr] = true
		}
	}
}

var (
	accessVerbs   = regexp.MustCompile(`^(read|write|create|delete|rename|probe) (content|metadata|entry|listing|symlink|channel|stream|description|lock|pid|life)$`)
	argumentShape = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
)

func TestRowsAreComplete(t *testing.T) {
	for _, nr := range numbers() {
		r := Table[nr]
		if r.Why == "" {
			t.Errorf("%s: no reason", r.Name)
		}
		if strings.HasSuffix(r.Why, ".") || strings.ContainsAny(r.Why, "\n\t") {
			t.Errorf("%s: reason %q is not one clause", r.Name, r.Why)
		}
		if int(r.Class) >= len(classNames) {
			t.Errorf("%s: class %d", r.Name, r.Class)
		}
		if r.Class != Refuse && r.Errno != 0 {
			t.Errorf("%s: errno %v on class %v", r.Name, r.Errno, r.Class)
		}
		if unix.ErrnoName(r.Refusal()) == "" {
			t.Errorf("%s: errno %d has no name", r.Name, r.Refusal())
		}
		if r.Class != Pass && len(r.Trap) > 0 {
			t.Errorf("%s: conditions on class %v", r.Name, r.Class)
		}
		switch {
		case r.Class == Data && r.Access == "":
			t.Errorf("%s: a data call without an access", r.Name)
		case (r.Class == Pass || r.Class == Refuse || r.Class == Emulate) && r.Access != "":
			t.Errorf("%s: class %v leaves no access, but has %q", r.Name, r.Class, r.Access)
		}
		for _, a := range r.Accesses() {
			if !accessVerbs.MatchString(a) {
				t.Errorf("%s: unknown access %q", r.Name, a)
			}
		}
		params := r.Params()
		if len(params) > 6 {
			t.Errorf("%s: %d arguments", r.Name, len(params))
		}
		for _, p := range params {
			if _, ok := kindBits[p.Kind]; !ok || !argumentShape.MatchString(p.Name) {
				t.Errorf("%s: argument %q of kind %q", r.Name, p.Name, p.Kind)
			}
		}
		for _, c := range r.Trap {
			if err := c.check(); err != nil {
				t.Errorf("%s: %v", r.Name, err)
			}
			if c.Arg >= len(params) {
				t.Errorf("%s: condition on argument %d of %d", r.Name, c.Arg, len(params))
			}
		}
	}
}

// TestHighHalvesDoNotHide makes sure that a call that stops can't be made to
// pass by setting bits of a register that the kernel ignores.
func TestHighHalvesDoNotHide(t *testing.T) {
	for _, nr := range numbers() {
		r := Table[nr]
		params := r.Params()
		for _, args := range probes(r) {
			low := args
			for i, p := range params {
				if p.Kind.Bits() == 32 {
					low[i] &= 0xffffffff
				}
			}
			if r.Stops(low) && !r.Stops(args) {
				t.Errorf("%s: %#x stops, and the kernel takes %#x for the same, which passes", r.Name, low, args)
			}
		}
	}
}

// TestPassRowsAgreeWithRules makes sure that a value which reaches the kernel
// unseen is one that its rule passes.
func TestPassRowsAgreeWithRules(t *testing.T) {
	for _, nr := range numbers() {
		r := Table[nr]
		if r.Class != Pass {
			continue
		}
		for i, p := range r.Params() {
			rules, ok := RulesOf(p.Kind)
			if !ok {
				continue
			}
			for _, args := range probes(r) {
				if r.Stops(args) {
					continue
				}
				if rules.Flags {
					if rule, bad := rules.Refused(args[i]); bad {
						t.Errorf("%s passes %#x, which %s refuse: %s", r.Name, args[i], rules.Name, rule.Why)
					}
					if rest := rules.cut(args[i]) &^ rules.Bits(args[i], Pass); rest != 0 {
						t.Errorf("%s passes bits %#x, which the engine must see", r.Name, rest)
					}
					continue
				}
				// Unknown values are refused with EINVAL by the kernel too.
				if rule, ok := rules.Lookup(args[i]); ok && rule.Class != Pass {
					t.Errorf("%s passes %s, whose class is %v", r.Name, rule.Name, rule.Class)
				}
			}
		}
	}
}

// TestPassRows lists the calls that the kernel may run unseen, so that none
// becomes one by accident. "?" marks those that stop by argument.
func TestPassRows(t *testing.T) {
	want := strings.Fields(`mmap? mprotect? munmap brk? rt_sigaction? rt_sigprocmask rt_sigreturn mremap? madvise? fcntl?
		umask getuid getgid geteuid getegid getresuid getresgid
		sigaltstack arch_prctl? set_tid_address fadvise64 set_robust_list`)
	var got []string
	for _, nr := range numbers() {
		switch r := Table[nr]; {
		case r.Class == Pass && len(r.Trap) > 0:
			got = append(got, r.Name+"?")
		case r.Class == Pass:
			got = append(got, r.Name)
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("calls that pass (-want +got):\n%s", d)
	}
}

func TestLookupFailsClosed(t *testing.T) {
	for _, nr := range []uint64{400, Size, 1 << 30, 1<<30 | unix.SYS_GETUID, 1<<32 | unix.SYS_GETUID, ^uint64(0)} {
		r, ok := Lookup(nr)
		if ok || r.Class != Refuse || r.Refusal() != unix.ENOSYS || !r.Stops([6]uint64{}) {
			t.Errorf("Lookup(%#x) = %+v, %v", nr, r, ok)
		}
	}
	if r, ok := Lookup(unix.SYS_SHMGET); !ok || r.Name != "shmget" || r.Refusal() != unix.ENOSYS {
		t.Errorf("Lookup(shmget) = %+v, %v", r, ok)
	}
}

func TestRulesAreComplete(t *testing.T) {
	names := regexp.MustCompile(`^_{0,2}[A-Z][A-Z0-9_]+$`)
	for _, rs := range allRules {
		if rs.Name == "" || rs.Default.Class != Refuse || rs.Default.Errno == 0 || rs.Default.Why == "" || rs.Default.Name != "" {
			t.Errorf("%s: default %+v does not refuse with an errno and a reason", rs.Name, rs.Default)
		}
		for i, r := range rs.Rows {
			if i > 0 && rs.Rows[i-1].Value >= r.Value {
				t.Errorf("%s: %s is not above %s", rs.Name, r.Name, rs.Rows[i-1].Name)
			}
			if !names.MatchString(r.Name) || r.Why == "" || int(r.Class) >= len(classNames) {
				t.Errorf("%s: rule %+v is incomplete", rs.Name, r)
			}
			if (r.Class == Refuse) != (r.Errno != 0) {
				t.Errorf("%s: %s has class %v and errno %v", rs.Name, r.Name, r.Class, r.Errno)
			}
			if rs.Flags && r.Value&(r.Value-1) != 0 {
				t.Errorf("%s: %s is not one bit", rs.Name, r.Name)
			}
			if got := rs.cut(r.Value); got != r.Value {
				t.Errorf("%s: %s is wider than the argument", rs.Name, r.Name)
			}
			if got, ok := rs.Lookup(r.Value); !ok || got != r {
				t.Errorf("%s: Lookup(%s) = %+v, %v", rs.Name, r.Name, got, ok)
			}
		}
	}
	for kind := range ruleKinds {
		if _, ok := kindBits[kind]; !ok {
			t.Errorf("rules for an unknown kind %q", kind)
		}
		if wide := kind.Bits() == 64; wide != ruleKinds[kind].Wide {
			t.Errorf("kind %q has %d bits, its rules say otherwise", kind, kind.Bits())
		}
	}
}

func TestRulesLookup(t *testing.T) {
	const high = 1 << 32
	tests := []struct {
		rules *Rules
		value uint64
		name  string // "" for the default
		errno unix.Errno
	}{
		{&Ioctls, unix.TCGETS, "TCGETS", 0},
		{&Ioctls, high | unix.TCGETS, "TCGETS", 0},
		{&Ioctls, 0xffffffff<<32 | fiemap, "FS_IOC_FIEMAP", unix.EOPNOTSUPP},
		{&Ioctls, 0, "", unix.ENOTTY},
		{&Ioctls, ^uint64(0), "", unix.ENOTTY},
		{&Fcntls, high, "F_DUPFD", 0},
		{&Fcntls, 4, "F_SETFL", 0},
		{&Fcntls, 5000, "", unix.EINVAL},
		{&Prctls, unix.PR_SET_TSC, "PR_SET_TSC", unix.EINVAL},
		{&Prctls, 0, "", unix.EINVAL},
		{&ArchPrctls, 0x1012, "ARCH_SET_CPUID", unix.ENODEV},
		{&SocketFamilies, unix.AF_INET, "AF_INET", 0},
		{&SocketFamilies, unix.AF_VSOCK, "AF_VSOCK", unix.EAFNOSUPPORT},
		{&SocketFamilies, unix.AF_CAN, "", unix.EAFNOSUPPORT},
		{&Ioctls, unix.SIOCGIFCONF, "SIOCGIFCONF", 0},
		{&Madvises, unix.MADV_FREE, "MADV_FREE", 0},
		{&CloneFlags, high, "CLONE_CLEAR_SIGHAND", 0},
	}
	for _, tt := range tests {
		got, ok := tt.rules.Lookup(tt.value)
		if ok != (tt.name != "") || got.Name != tt.name || got.Errno != tt.errno {
			t.Errorf("%s: Lookup(%#x) = %+v, %v; want %q, %v", tt.rules.Name, tt.value, got, ok, tt.name, tt.errno)
		}
	}
}

func TestRulesRefused(t *testing.T) {
	tests := []struct {
		rules *Rules
		word  uint64
		bad   bool
		name  string
		errno unix.Errno
	}{
		{&CloneFlags, 0, false, "", 0},
		{&CloneFlags, unix.CLONE_CHILD_SETTID | unix.CLONE_CHILD_CLEARTID, false, "", 0},
		{&CloneFlags, unix.CLONE_VM | unix.CLONE_VFORK, false, "", 0},
		{&CloneFlags, unix.CLONE_VM | unix.CLONE_SIGHAND | unix.CLONE_THREAD | unix.CLONE_PARENT, true, "CLONE_PARENT", unix.EINVAL},
		{&CloneFlags, unix.CLONE_NEWUSER, true, "CLONE_NEWUSER", unix.EPERM},
		{&CloneFlags, 1 << 50, true, "", unix.EINVAL},
		{&OpenFlags, unix.O_RDWR | unix.O_CREAT | unix.O_CLOEXEC | unix.O_SYNC | unix.O_TMPFILE, false, "", 0},
		{&OpenFlags, 1 << 40, false, "", 0}, // an int: the kernel doesn't read it
		{&OpenFlags, 1 << 30, true, "", unix.EINVAL},
		{&MmapFlags, unix.MAP_PRIVATE | unix.MAP_ANONYMOUS | unix.MAP_NORESERVE, false, "", 0},
		{&MmapFlags, unix.MAP_PRIVATE | unix.MAP_HUGETLB | 1<<40, true, "MAP_HUGETLB", unix.ENOMEM},
		{&GetrandomFlags, unix.GRND_NONBLOCK | unix.GRND_RANDOM, false, "", 0},
		{&GetrandomFlags, 8, true, "", unix.EINVAL},
		{&ResolveFlags, resolveCached, true, "RESOLVE_CACHED", unix.EAGAIN},
	}
	for _, tt := range tests {
		got, bad := tt.rules.Refused(tt.word)
		if bad != tt.bad || got.Name != tt.name || got.Errno != tt.errno {
			t.Errorf("%s: Refused(%#x) = %+v, %v; want %v, %q, %v", tt.rules.Name, tt.word, got, bad, tt.bad, tt.name, tt.errno)
		}
	}
	word := uint64(unix.MAP_PRIVATE | unix.MAP_LOCKED | unix.MAP_POPULATE)
	if got := MmapFlags.Bits(word, Emulate); got != unix.MAP_LOCKED|unix.MAP_POPULATE {
		t.Errorf("Bits = %#x", got)
	}
}

func TestDocument(t *testing.T) {
	var buf bytes.Buffer
	if err := Write(&buf, FormatMarkdown); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("..", "..", "docs", "syscalls.md")
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, buf.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(have), buf.String()); d != "" {
		t.Errorf("docs/syscalls.md is not up to date; run: go test ./determinize/policy -update\n%s", d)
	}
}

func TestWriteFormats(t *testing.T) {
	var js bytes.Buffer
	if err := Write(&js, FormatJSON); err != nil {
		t.Fatal(err)
	}
	var p jsonPolicyRead
	if err := json.Unmarshal(js.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	if len(p.Syscalls) != len(numbers()) || len(p.Rules) != len(allRules) {
		t.Errorf("JSON has %d calls and %d sets of rules", len(p.Syscalls), len(p.Rules))
	}
	want := syscallRead{Number: 72, Name: "fcntl", Class: "pass", Stops: "cmd == F_DUPFD, or cmd >= F_GETFL"}
	for _, s := range p.Syscalls {
		if s.Number == want.Number && s != want {
			t.Errorf("JSON has %+v, want %+v", s, want)
		}
	}

	var table bytes.Buffer
	if err := Write(&table, FormatTable); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(table.String(), "\n")
	if !strings.HasPrefix(lines[0], "NUMBER") || !regexp.MustCompile(`^0 +read +order +always `).MatchString(lines[1]) {
		t.Errorf("table starts\n%s\n%s", lines[0], lines[1])
	}

	if err := Write(&table, "yaml"); err == nil {
		t.Error("format yaml is accepted")
	}
	if err := Write(failingWriter{}, FormatTable); !errors.Is(err, errFull) {
		t.Errorf("a failed write gives %v", err)
	}
}

type jsonPolicyRead struct {
	Syscalls []syscallRead     `json:"syscalls"`
	Rules    []json.RawMessage `json:"rules"`
}

type syscallRead struct {
	Number int    `json:"number"`
	Name   string `json:"name"`
	Class  string `json:"class"`
	Stops  string `json:"stops"`
}

var errFull = errors.New("full")

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errFull }
