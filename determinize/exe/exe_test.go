package exe

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// printArgs makes the test program an interpreter that prints its arguments.
const printArgs = "EXE_TEST_PRINT_ARGS"

func TestMain(m *testing.M) {
	if os.Getenv(printArgs) != "" {
		fmt.Printf("%q\n", os.Args)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// Whatever stands in a #! line, the kernel of this machine understands it as
// parseScript does. In the lines % stands for the interpreter's path.
func TestScriptAsKernel(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	// A short path, so that lines can be made of any length.
	interp := filepath.Join(dir, "i")
	if err := os.Symlink(self, interp); err != nil {
		t.Fatal(err)
	}
	fill := func(n int, with string) string { // to n bytes with the path in place
		return strings.Repeat(with, n-len("#!")-len(interp))
	}
	for i, line := range []string{
		"#!%\n", "#!%", "#! %\n", "#!\t %\t \n", "#!% arg\n", "#!%  two words \t\n", "#!% a\tb",
		"#!%\x00x\n", "#!% a\x00b\n", "#!%\x00", "#!", "#!\n", "#! \t\n", "#!   ", "#!\x00", "#!\x00%\n",
		"#!% \n", "#!% -x\r\n", "#!%\n\n", "#!\n%\n", " #!%\n", "#", "", "#!%\targ\x00\n",
		"#!%" + fill(254, " ") + "\n", "#!%" + fill(255, " ") + "\n", "#!%" + fill(256, " ") + "\n", "#!%" + fill(300, " ") + "x\n",
		"#!%" + fill(254, "y"), "#!%" + fill(255, "y"), "#!%" + fill(256, "y"), "#!%" + fill(300, "y") + "\n",
		"#!% " + fill(253, "z"), "#!% " + fill(254, "z"), "#!% " + fill(255, "z") + "\n", "#!% " + fill(300, "z"),
		"#!" + strings.Repeat(" ", 300) + "%\n", "#!" + fill(255, " ") + "%", "#!" + fill(254, " ") + "%", "#!" + fill(256, "\t") + "%\n",
	} {
		content := strings.ReplaceAll(line, "%", interp)
		script := filepath.Join(dir, fmt.Sprint(i))
		writeExecutable(t, script, content)
		info := scanPath(t, script)

		want := "ENOEXEC"
		if info.Kind == Script {
			args := []string{info.Interp}
			if info.InterpArg != "" {
				args = append(args, info.InterpArg)
			}
			want = fmt.Sprintf("%q\n", append(args, script))
			if info.Interp == "" {
				want = "EACCES"
			} else if _, err := os.Stat(info.Interp); err != nil {
				want = "ENOENT"
			}
		}
		cmd := exec.Command(script)
		cmd.Env = []string{printArgs + "=1"}
		out, err := cmd.Output()
		got := string(out)
		switch {
		case errors.Is(err, syscall.ENOEXEC):
			got = "ENOEXEC"
		case errors.Is(err, syscall.ENOENT):
			got = "ENOENT"
		case errors.Is(err, syscall.EACCES):
			got = "EACCES"
		case err != nil:
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q:\nkernel %s\nscan   %s", line, got, want)
		}
	}
}

// writeExecutable writes a program from another process: a fork in a parallel
// goroutine would keep our descriptor open for writing, and exec give ETXTBSY.
func writeExecutable(t *testing.T, path, content string) {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", `umask 077; cat >"$1" && chmod 700 "$1"`, "sh", path)
	cmd.Stdin = strings.NewReader(content)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("write %s: %v: %s", path, err, out)
	}
}

func TestScanELF(t *testing.T) {
	le := binary.LittleEndian
	interp := func(s string) []byte { // a file whose first segment is PT_INTERP
		b := image([]byte(s))
		le.PutUint32(b[64:], 3)
		return b
	}
	edit := func(f func([]byte)) []byte {
		b := image(rdrandInsn)
		f(b)
		return b
	}
	manyProgs := func(n uint16) []byte { // the kernel takes 64 KiB of them
		b := image(make([]byte, 80000))
		le.PutUint16(b[56:], n)
		return b
	}
	long := strings.Repeat("x", unix.PathMax)
	for _, tt := range []struct {
		name string
		file []byte
		want Info
	}{
		{"empty", nil, Info{}},
		{"text", []byte("hello\n"), Info{}},
		{"static", image(rdrandInsn), Info{Kind: ELF64, Static: true, Unmasked: []string{"rdrand"}}},
		{"only the magic number", []byte("\x7fELF"), Info{}},
		{"cut in the header", image(nil)[:60], Info{}},
		{"cut in the program headers", image(nil)[:64+55], Info{}},
		{"class and byte order are ignored", edit(func(b []byte) { b[4], b[5] = 0, 9 }), Info{Kind: ELF64, Static: true, Unmasked: []string{"rdrand"}}},
		{"relocatable", edit(func(b []byte) { b[16] = 1 }), Info{}},
		{"core", edit(func(b []byte) { b[16] = 4 }), Info{}},
		{"aarch64", edit(func(b []byte) { b[18] = 183 }), Info{}},
		{"i386", edit(func(b []byte) { b[4], b[18] = 1, 3 }), Info{Kind: ELF32}},
		{"x32", edit(func(b []byte) { b[4] = 1; le.PutUint16(b[54:], 0) }), Info{Kind: ELF32}},
		{"no program headers", edit(func(b []byte) { le.PutUint16(b[56:], 0) }), Info{}},
		{"program headers beyond the end", edit(func(b []byte) { le.PutUint16(b[56:], 100) }), Info{}},
		{"most program headers", manyProgs(1170), Info{Kind: ELF64, Static: true}},
		{"more program headers", manyProgs(1171), Info{}},
		{"size of program headers", edit(func(b []byte) { le.PutUint16(b[54:], 32) }), Info{}},
		{"program headers far away", edit(func(b []byte) { le.PutUint64(b[32:], 1<<63) }), Info{}},
		{"segment far away", edit(func(b []byte) { le.PutUint64(b[72:], 1<<62) }), Info{Kind: ELF64, Static: true}},
		{"segment too long", edit(func(b []byte) { le.PutUint64(b[96:], 1<<64-1) }), Info{Kind: ELF64, Static: true, Unmasked: []string{"rdrand"}}},
		{"segment not executable", edit(func(b []byte) { b[68] = 6 }), Info{Kind: ELF64, Static: true}},
		{"sections far away", edit(func(b []byte) { le.PutUint64(b[40:], 1<<63); b[58], b[60] = 64, 1 }), Info{Kind: ELF64, Static: true, Unmasked: []string{"rdrand"}}},
		{"interpreter", interp("/lib/ld.so\x00"), Info{Kind: ELF64, Interp: "/lib/ld.so"}},
		{"interpreter with a NUL", interp("/lib\x00/ld.so\x00"), Info{Kind: ELF64, Interp: "/lib"}},
		{"interpreter without a NUL", interp("/lib/ld.so"), Info{}},
		{"empty interpreter", interp("\x00"), Info{}},
		{"short interpreter", interp("x\x00"), Info{Kind: ELF64, Interp: "x"}},
		{"long interpreter", interp(long[1:] + "\x00"), Info{Kind: ELF64, Interp: long[1:]}},
		{"too long interpreter", interp(long + "\x00"), Info{}},
		{"interpreter beyond the end", interp("/lib/ld.so\x00")[:4096+5], Info{}},
	} {
		want := tt.want
		want.Digest = sha256.Sum256(tt.file)
		if diff := cmp.Diff(want, mustScan(t, tt.file, chunk)); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
}

func TestScanPrograms(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const loader = "/lib64/ld-linux-x86-64.so.2"
	for _, tt := range []struct {
		path string
		want Info
	}{
		{"/bin/sh", Info{Kind: ELF64, Interp: loader}},
		{"/bin/bash", Info{Kind: ELF64, Interp: loader}},
		{loader, Info{Kind: ELF64, Static: true}},
		{self, Info{Kind: ELF64, Static: true}},
	} {
		content, err := os.ReadFile(tt.path)
		if err != nil {
			t.Fatal(err)
		}
		tt.want.Digest = sha256.Sum256(content)
		got := scanPath(t, tt.path)
		if tt.path == self { // depends on CGO_ENABLED
			got.Interp, got.Static = "", true
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %s", tt.path, diff)
		}
	}
}

func TestScanRefuses(t *testing.T) {
	dir := t.TempDir()
	fifo, large := filepath.Join(dir, "fifo"), filepath.Join(dir, "large")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(large, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, MaxSize+1); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{
		dir: ErrNotRegular, fifo: ErrNotRegular, "/dev/zero": ErrNotRegular, large: ErrTooLarge,
	} {
		f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Scan(f); !errors.Is(err, want) {
			t.Errorf("Scan(%s) = %v, want %v", path, err, want)
		}
		if _, err := testCache("", time.Now()).Info(f); !errors.Is(err, want) {
			t.Errorf("Info(%s) = %v, want %v", path, err, want)
		}
		f.Close()
	}
	if _, err := scan(strings.NewReader("short"), 6, chunk); !errors.Is(err, ErrChanged) {
		t.Errorf("scan of a file that shrinks: %v", err)
	}
}

func TestMergeSubtract(t *testing.T) {
	for _, tt := range []struct{ from, cut, want []span }{
		{nil, nil, nil},
		{[]span{{0, 10}}, nil, []span{{0, 10}}},
		{[]span{{5, 10}, {0, 5}, {7, 8}, {20, 20}}, nil, []span{{0, 10}}},
		{[]span{{0, 10}, {20, 30}}, []span{{8, 22}}, []span{{0, 8}, {22, 30}}},
		{[]span{{0, 10}, {20, 30}}, []span{{0, 30}}, nil},
		{[]span{{0, 30}}, []span{{5, 6}, {0, 1}, {29, 40}}, []span{{1, 5}, {6, 29}}},
		{[]span{{10, 20}}, []span{{0, 10}, {20, 30}}, []span{{10, 20}}},
	} {
		name := fmt.Sprint(tt.from, tt.cut)
		if got := subtract(merge(tt.from), merge(tt.cut)); fmt.Sprint(got) != fmt.Sprint(tt.want) {
			t.Errorf("%s = %v, want %v", name, got, tt.want)
		}
	}
}

// Whatever the bytes are, scanning ends, does not panic, and does not depend on
// how they are read.
func FuzzScan(f *testing.F) {
	f.Add([]byte("#!/bin/sh -e\n"))
	f.Add(image(bytes.Repeat(append([]byte{0x90}, rdrandInsn...), 20), section{1, 2, 4096, 50}))
	f.Add(image([]byte{0xf3, 0x0f, 0xc7, 0xf8, 0xc5, 0xf8, 0x77, 0x62, 0xf1, 0x7c, 0x48, 0x28, 0xc1, 0x0f, 0xc7, 0xfa}))
	f.Fuzz(func(t *testing.T, b []byte) {
		info := mustScan(t, b, chunk)
		if info.Digest != sha256.Sum256(b) {
			t.Error("wrong digest")
		}
		if diff := cmp.Diff(info, mustScan(t, b, 37)); diff != "" {
			t.Error(diff)
		}
		if strings.ContainsRune(info.Interp, 0) || len(info.Interp) >= unix.PathMax {
			t.Errorf("interpreter %q", info.Interp)
		}
		if got, ok := decodeInfo(encodeInfo(info)); !ok || !cmp.Equal(got, info) {
			t.Errorf("encoded and decoded: %v, not %v", got, info)
		}
	})
}

func BenchmarkScan(b *testing.B) {
	for _, name := range []string{"/bin/bash", "cc1"} {
		path := name
		if !filepath.IsAbs(name) {
			out, err := exec.Command("gcc", "-print-prog-name="+name).Output()
			if err != nil {
				b.Fatal(err)
			}
			path = strings.TrimSpace(string(out))
		}
		b.Run(filepath.Base(name), func(b *testing.B) {
			f, err := os.Open(path)
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			st, err := f.Stat()
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(st.Size())
			for b.Loop() {
				if _, err := Scan(f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
