package oci

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// quiet is nobody who reads warnings.
var quiet *slog.Logger

// TestFull loads a configuration that has every field of the specification which is for
// Linux, and checks that it has.
func TestFull(t *testing.T) {
	dir := t.TempDir()
	text, err := os.ReadFile("testdata/full.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ConfigName), text, 0o644); err != nil {
		t.Fatal(err)
	}
	var warnings bytes.Buffer
	s, err := Load(dir, slog.New(slog.NewTextHandler(&warnings, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Mounts[2].Destination; got != "/data" {
		t.Errorf("a relative destination became %s", got)
	}
	for _, want := range []string{"CAP_OF_TOMORROW", "section=windows", "destination=data", "kernel memory", "listenerPath"} {
		if !strings.Contains(warnings.String(), want) {
			t.Errorf("no warning about %s", want)
		}
	}
	var generic any
	if err := json.Unmarshal(text, &generic); err != nil {
		t.Fatal(err)
	}
	set := map[string]bool{}
	fieldsOf(reflect.TypeFor[specs.Spec](), generic, set)
	// Without these a configuration of Linux is whole.
	for _, name := range []string{"Spec.solaris", "Spec.vm", "Spec.zos", "Spec.freebsd", "Process.commandLine", "User.username"} {
		set[name] = true
	}
	// These contradict others that it has.
	for _, name := range []string{"Scheduler.priority", "LinuxPersonality.flags"} {
		set[name] = true
	}
	all := map[string]bool{}
	fieldsOf(reflect.TypeFor[specs.Spec](), nil, all)
	for name := range all {
		if !set[name] {
			t.Errorf("%s is not tested", name)
		}
	}
}

// fieldsOf collects the fields of the struct types that a type is made of, as far as a
// document has them; all if it is nil.
func fieldsOf(typ reflect.Type, doc any, fields map[string]bool) {
	switch typ.Kind() {
	case reflect.Pointer:
		fieldsOf(typ.Elem(), doc, fields)
	case reflect.Slice, reflect.Map:
		switch list := doc.(type) {
		case nil:
			fieldsOf(typ.Elem(), nil, fields)
		case []any:
			for _, x := range list {
				fieldsOf(typ.Elem(), x, fields)
			}
		case map[string]any:
			for _, x := range list {
				fieldsOf(typ.Elem(), x, fields)
			}
		}
	case reflect.Struct:
		for _, other := range []string{"Windows", "Solaris", "VM", "ZOS", "FreeBSD"} {
			if typ.Name() == other {
				return
			}
		}
		for _, field := range reflect.VisibleFields(typ) {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			object, _ := doc.(map[string]any)
			value, ok := object[name]
			if name == "" || doc != nil && !ok {
				continue
			}
			fields[typ.Name()+"."+name] = true
			fieldsOf(field.Type, value, fields)
		}
	}
}

// TestPosition checks where errors are said to be.
func TestPosition(t *testing.T) {
	const base = `{
  "ociVersion": "1.0.0",
  "process": {"args": ["sh"], "cwd": "/", "user": {"uid": 0, "gid": 0}},
  "root": {"path": "rootfs"}
}
`
	if _, err := ParseSpec("config.json", []byte(base), quiet); err != nil {
		t.Fatal(err)
	}
	replace := func(old, new string) string {
		if !strings.Contains(base, old) {
			t.Fatalf("no %s", old)
		}
		return strings.Replace(base, old, new, 1)
	}
	for _, test := range []struct{ text, want string }{
		{replace(`["sh"]`, `[]`), "config.json:3:23: process.args: must not be empty"},
		{replace(`["sh"]`, `["sh", 7]`), "config.json:3:30: process.args[1]: number, must be a string"},
		{replace(`"cwd": "/", `, ``), "config.json:3:14: process.cwd: missing, or empty"},
		{replace(`"cwd"`, `"Cwd": "/x", "cwd"`), "config.json:3:38: process.cwd: given twice"},
		{replace(`"cwd"`, `"Cwd"`), ""}, // as Go's decoder has it, and so runc
		{replace(`"uid": 0`, `"uid": -1`), "config.json:3:59: process.user.uid: number -1, must be an integer of 32 bits without a sign"},
		{replace(`{"path": "rootfs"}`, `"rootfs"`), "config.json:4:11: root: string, must be an object"},
		{replace(`{"path": "rootfs"}`, `null`), "config.json:4:11: root: missing"},
		{replace(`"root": {"path": "rootfs"}`, `"annotations": {"a.b/c": 1}`), "config.json:4:28: annotations[\"a.b/c\"]: number, must be a string"},
		{replace(`["sh"]`, `["sh" "x"]`), "config.json:3:29: process.args[1]: invalid character '\"' after array element"},
		{replace(`["sh"]`, `["a\u0000"]`), "config.json:3:24: process.args[0]: has a null byte"},
		{replace(`["sh"]`, "[\"\xff\"]"), "config.json:3:24: process.args[0]: not valid UTF-8"},
		{base + "x", "config.json:6:1: invalid character 'x' after top-level value"},
		{strings.TrimSuffix(base, "}\n"), "config.json:5:1: unexpected end of JSON input"},
		{``, "config.json:1:1: unexpected end of JSON input"},
		{`null`, "config.json:1:1: null, must be an object"},
		{`[]`, "config.json:1:1: array, must be an object"},
		{replace(`"root"`, `"x": `+strings.Repeat("[", 70)+strings.Repeat("]", 70)+`, "root"`), "nested more than 64 deep"},
		{replace(`"root"`, `"x": [`+strings.Repeat("0,", 1<<18)+`0], "root"`), "more than 262144 values in one document"},
		{strings.Repeat(" ", MaxDocument) + base, "config.json: longer than 16777216 bytes"},
	} {
		s, err := ParseSpec("config.json", []byte(test.text), quiet)
		if test.want == "" {
			if err != nil {
				t.Error(err)
			}
			continue
		}
		var doc *DocumentError
		if s != nil || !errors.As(err, &doc) || err.Error() != test.want && !strings.HasSuffix(err.Error(), ": "+test.want) {
			t.Errorf("%v\nwant %s", err, test.want)
		}
	}
}

// TestFiles checks documents that cannot be read.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	_, err := Load(dir, quiet)
	if !errors.Is(err, fs.ErrNotExist) || err.Error() != "JSON specification file config.json not found" {
		t.Errorf("no configuration: %v", err)
	}
	if err := unix.Mkfifo(filepath.Join(dir, ConfigName), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir, quiet); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a FIFO: %v", err)
	}
	name := filepath.Join(dir, "process.json")
	if err := os.WriteFile(name, []byte(`{"args": ["true"],`+"\n"+`"cwd": "x"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadProcess(name, quiet); err == nil || err.Error() != `process.json:2:8: cwd: "x" is not an absolute path` {
		t.Errorf("a process: %v", err)
	}
	if _, err := ParseResources("-", []byte(`{"pids": {"limit": -2}}`), quiet); err == nil || !strings.HasPrefix(err.Error(), "-:1:20: pids.limit: -2 ") {
		t.Errorf("resources: %v", err)
	}
	if _, err := os.ReadFile(name); err != nil {
		t.Error(err)
	}
}

// TestOldPids reads a limit of no processes as what it meant when it was written.
func TestOldPids(t *testing.T) {
	for _, test := range []struct {
		version     string
		limit, want int64
	}{{"1.0.2-dev", 0, -1}, {"1.2.1", 0, -1}, {"1.3.0", 0, 0}, {"1.10.0", 0, 0}, {"1.0.2", 7, 7}, {"1.0.2", -1, -1}} {
		s := Default(false)
		s.Version = test.version
		s.Linux.Resources.Pids = &specs.LinuxPids{Limit: &test.limit}
		if err := Validate(s, quiet); err != nil || *s.Linux.Resources.Pids.Limit != test.want {
			t.Errorf("%+v: %d, %v", test, *s.Linux.Resources.Pids.Limit, err)
		}
	}
}

// TestValidate checks a configuration that never was a text.
func TestValidate(t *testing.T) {
	s := Default(false)
	if err := Validate(s, quiet); err != nil {
		t.Fatal(err)
	}
	s.Linux.RootfsPropagation = "x"
	if err := Validate(s, quiet); err == nil || !strings.HasPrefix(err.Error(), "config.json: linux.rootfsPropagation: ") {
		t.Error(err)
	}
	if err := ValidateProcess(&specs.Process{}, quiet); err == nil || err.Error() != "process: args: must not be empty" {
		t.Error(err)
	}
}

// FuzzLoad checks that no text does harm: what is loaded is valid, and stays so.
func FuzzLoad(f *testing.F) {
	full, err := os.ReadFile("testdata/full.json")
	if err != nil {
		f.Fatal(err)
	}
	plain, err := json.Marshal(Default(true))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(full)
	f.Add(plain)
	f.Add([]byte(`{"ociVersion":"1.0.0","process":{"args":[null,{"a":"\ud800"}]},"linux":[[[`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := ParseSpec("config.json", text, quiet)
		if err != nil {
			var doc *DocumentError
			if !errors.As(err, &doc) || doc.Line < 1 && len(text) <= MaxDocument || doc.Column < 1 || len(err.Error()) > 4096 {
				t.Fatalf("%#v", err)
			}
			return
		}
		if err := Validate(s, quiet); err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseSpec("config.json", again, quiet); err != nil {
			t.Fatalf("not what was valid: %v", err)
		}
	})
}

// BenchmarkParseSpec loads a configuration of the size that engines write.
func BenchmarkParseSpec(b *testing.B) {
	s := Default(false)
	s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActErrno}
	names := make([]string, 400)
	for i := range names {
		names[i] = "a_call_of_linux"
	}
	s.Linux.Seccomp.Syscalls = []specs.LinuxSyscall{{Names: names, Action: specs.ActAllow}}
	text, err := json.MarshalIndent(s, "", "\t")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := ParseSpec(ConfigName, text, quiet); err != nil {
			b.Fatal(err)
		}
	}
}
