package strace

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestEvents holds both forms of every kind of event.
func TestEvents(t *testing.T) {
	info := func(v ...int32) []byte {
		b := make([]byte, 128)
		for i, x := range v {
			for k := range 4 {
				b[4*i+k] = byte(x >> (8 * k))
			}
		}
		return b
	}
	fd := []Arg{{"fd", "3"}}
	for _, test := range []struct {
		event      Event
		text, json string
	}{
		{Event{PID: 5, Kind: KindCall, Name: "close", Args: fd},
			`[5] close(3) = 0`,
			`{"pid":5,"event":"call","call":"close","args":{"fd":"3"},"ret":0}`},
		{Event{PID: 5, Kind: KindCall, Name: "sync"},
			`[5] sync() = 0`,
			`{"pid":5,"event":"call","call":"sync","args":{},"ret":0}`},
		{Event{PID: 5, Kind: KindCall, Name: "close", Args: fd, Ret: -1, Errno: unix.EBADF},
			`[5] close(3) = -1 EBADF (bad file descriptor)`,
			`{"pid":5,"event":"call","call":"close","args":{"fd":"3"},"ret":-1,"errno":"EBADF"}`},
		{Event{PID: 5, Kind: KindCall, Name: "close", Args: fd, Ret: -1, Errno: 4000},
			`[5] close(3) = -1 errno 4000 (unknown error)`,
			`{"pid":5,"event":"call","call":"close","args":{"fd":"3"},"ret":-1,"errno":"errno 4000"}`},
		{Event{PID: 5, Kind: KindCall, Name: "read", Args: fd, Ret: -1, Errno: 512},
			`[5] read(3) = ? ERESTARTSYS (to be restarted if SA_RESTART is set)`,
			`{"pid":5,"event":"call","call":"read","args":{"fd":"3"},"ret":null,"errno":"ERESTARTSYS"}`},
		{Event{PID: 5, Kind: KindCall, Name: "bpf", Ret: -1, Errno: unix.ENOSYS, Refused: true},
			`[5] bpf() = -1 ENOSYS (function not implemented) (refused)`,
			`{"pid":5,"event":"call","call":"bpf","args":{},"ret":-1,"errno":"ENOSYS","refused":true}`},
		{Event{PID: 5, Kind: KindCall, Name: "exit", Args: []Arg{{"status", "1"}}, Never: true},
			`[5] exit(1) = ?`,
			`{"pid":5,"event":"call","call":"exit","args":{"status":"1"},"ret":null}`},
		{Event{PID: 5, Kind: KindCall, Name: "mmap", Ret: 0x7ffff7d00000, Address: true},
			`[5] mmap() = 0x7ffff7d00000`,
			`{"pid":5,"event":"call","call":"mmap","args":{},"ret":140737350991872}`},
		{Start(5, "/bin/\xffsh", []string{"sh", "-c", "a\n", strings.Repeat("x", 1025)}),
			`[5] +++ started "/bin/\377sh" ["sh", "-c", "a\n", "` + strings.Repeat("x", 1024) + `"...] +++`,
			`{"pid":5,"event":"start","path":"\"/bin/\\377sh\"","argv":["\"sh\"","\"-c\"","\"a\\n\"","\"` + strings.Repeat("x", 1024) + `\"..."]}`},
		{Signal(5, unix.SIGCHLD, info(17, 0, 1, 0, 301, 1000, 3)),
			`[5] --- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=301, si_uid=1000, si_status=3, si_utime=0, si_stime=0} ---`,
			`{"pid":5,"event":"signal","signal":"SIGCHLD","info":{"si_signo":"SIGCHLD","si_code":"CLD_EXITED","si_pid":"301","si_uid":"1000","si_status":"3","si_utime":"0","si_stime":"0"}}`},
		{Signal(5, unix.SIGCHLD, info(17, 0, 2, 0, 301, 1000, 9)),
			`[5] --- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_KILLED, si_pid=301, si_uid=1000, si_status=SIGKILL, si_utime=0, si_stime=0} ---`,
			`{"pid":5,"event":"signal","signal":"SIGCHLD","info":{"si_signo":"SIGCHLD","si_code":"CLD_KILLED","si_pid":"301","si_uid":"1000","si_status":"SIGKILL","si_utime":"0","si_stime":"0"}}`},
		{Signal(5, unix.SIGTERM, info(15, 0, 0, 0, 301, 1000)),
			`[5] --- SIGTERM {si_signo=SIGTERM, si_code=SI_USER, si_pid=301, si_uid=1000} ---`,
			`{"pid":5,"event":"signal","signal":"SIGTERM","info":{"si_signo":"SIGTERM","si_code":"SI_USER","si_pid":"301","si_uid":"1000"}}`},
		{Signal(5, unix.SIGSEGV, info(11, 0, 1, 0, 0x10, 0)),
			`[5] --- SIGSEGV {si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=0x10} ---`,
			`{"pid":5,"event":"signal","signal":"SIGSEGV","info":{"si_signo":"SIGSEGV","si_code":"SEGV_MAPERR","si_addr":"0x10"}}`},
		{Signal(5, unix.SIGSEGV, info(11, 0, 0x80, 0, 0x10, 0)),
			`[5] --- SIGSEGV {si_signo=SIGSEGV, si_code=SI_KERNEL} ---`,
			`{"pid":5,"event":"signal","signal":"SIGSEGV","info":{"si_signo":"SIGSEGV","si_code":"SI_KERNEL"}}`},
		{Signal(5, 40, info(40, 0, 77)),
			`[5] --- SIGRT_8 {si_signo=SIGRT_8, si_code=77} ---`,
			`{"pid":5,"event":"signal","signal":"SIGRT_8","info":{"si_signo":"SIGRT_8","si_code":"77"}}`},
		{Stop(5, unix.SIGTSTP), `[5] --- stopped by SIGTSTP ---`, `{"pid":5,"event":"stop","signal":"SIGTSTP"}`},
		{End(5, unix.WaitStatus(3<<8)), `[5] +++ exited with 3 +++`, `{"pid":5,"event":"exit","status":3}`},
		{End(5, unix.WaitStatus(9)), `[5] +++ killed by SIGKILL +++`, `{"pid":5,"event":"killed","signal":"SIGKILL"}`},
		{End(5, unix.WaitStatus(11|0x80)), `[5] +++ killed by SIGSEGV +++`, `{"pid":5,"event":"killed","signal":"SIGSEGV"}`},
		{Counter(5, "rdtsc", 77), `[5] rdtsc() = 77`, `{"pid":5,"event":"call","call":"rdtsc","args":{},"ret":77}`},
	} {
		if got := test.event.Text(); got != test.text {
			t.Errorf("text\n%s\nwant\n%s", got, test.text)
		}
		got, err := json.Marshal(test.event)
		if err != nil || string(got) != test.json {
			t.Errorf("json %v\n%s\nwant\n%s", err, got, test.json)
		}
	}
}

// TestManyArguments: what is shown of a program's arguments is bounded.
func TestManyArguments(t *testing.T) {
	argv := make([]string, maxArgs+1)
	if got := Start(1, "x", argv[:maxArgs]).Text(); strings.Contains(got, "...") || strings.Count(got, `""`) != maxArgs {
		t.Errorf("%d arguments: %s", maxArgs, got)
	}
	if got := Start(1, "x", argv).Text(); !strings.HasSuffix(got, ", ...] +++") || strings.Count(got, `""`) != maxArgs {
		t.Errorf("%d arguments: %s", maxArgs+1, got)
	}
}

// unquote undoes Quote, by the rules of C.
func unquote(t *testing.T, s string) string {
	t.Helper()
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		t.Fatalf("%s has no quotes", s)
	}
	s = s[1 : len(s)-1]
	var out []byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '"' || c < ' ' || c > '~':
			t.Fatalf("%q is not escaped", c)
		case c != '\\':
			out = append(out, c)
			continue
		}
		i++
		if k := strings.IndexByte(`fnrtv"\`, s[i]); k >= 0 {
			out = append(out, "\f\n\r\t\v\"\\"[k])
			continue
		}
		// As many octal digits as there are, at most three.
		n := i
		for n < len(s) && n < i+3 && s[n] >= '0' && s[n] <= '7' {
			n++
		}
		v, err := strconv.ParseUint(s[i:n], 8, 8)
		if err != nil {
			t.Fatalf("escape at %d of %s: %v", i, s, err)
		}
		out = append(out, byte(v))
		i = n - 1
	}
	return string(out)
}

// FuzzQuote: a quoted string is printable, and nothing of it is lost.
func FuzzQuote(f *testing.F) {
	for _, s := range []string{"", "a", "\x00", "\x007", "\x000", "\x008", "\x7f\xff9", "\\\"\n\t\r\f\v", "\x1b[0m"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got := unquote(t, Quote(s)); got != s {
			t.Errorf("%q is written %s, which reads %q", s, Quote(s), got)
		}
	})
}

// maxLine bounds a line: two paths, or an array of strings, all in octal.
const maxLine = 4 * (2*maxPath + maxMembers*maxArgLen + 4096)

// counting counts what is read of a memory.
type counting struct {
	image
	read int
}

func (c *counting) Read(addr uint64, b []byte) (int, unix.Errno) {
	c.read += max(len(b), 1)
	return c.image.Read(addr, b)
}

// FuzzCall: whatever a process's call, registers and memory are, before and
// after, the line is one of printable ASCII, bounded, as is what is read for
// it; and both forms say the same.
func FuzzCall(f *testing.F) {
	seed := func(nr uint64, a, b, c, d uint64, ret int64, mem string) {
		f.Add(nr, a, b, c, d, uint64(8), uint64(0), ret, []byte(mem), []byte(mem))
	}
	for nr := range uint64(480) {
		seed(nr, base, base, base, base, 0, strings.Repeat("\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00", 16))
	}
	seed(unix.SYS_OPENAT, minus(100), base, unix.O_CREAT, 0o644, 3, "/etc/passwd\x00")
	seed(unix.SYS_WRITE, 1, base, 1<<63, 0, 1<<40, "text")
	seed(unix.SYS_POLL, base, 1<<32|100, 0, 0, 1, strings.Repeat("\x01\x00\x00\x00\x01\x00\x01\x00", 40))
	seed(unix.SYS_GETDENTS64, 3, base, 1<<20, 0, 1<<15, strings.Repeat("\x13\x00", 40))
	f.Fuzz(func(t *testing.T, nr, a0, a1, a2, a3, a4, a5 uint64, ret int64, before, after []byte) {
		m := &counting{image: image{base: base, mem: before}}
		c := Enter(300, m, a5&1 == 0, nr, [6]uint64{a0, a1, a2, a3, a4, a5})
		m.mem = after
		for _, v := range []Event{c.Never(), c.Return(ret)} {
			line := v.Text()
			for i := range len(line) {
				if line[i] < ' ' || line[i] > '~' {
					t.Fatalf("byte %#x in %q", line[i], line)
				}
			}
			if len(line) > maxLine {
				t.Errorf("%d bytes: %.200s", len(line), line)
			}
			text, err := json.Marshal(v)
			if err != nil || !json.Valid(text) {
				t.Fatalf("%v: %s", err, text)
			}
			var back struct {
				Call string
				Args map[string]string
			}
			if err := json.Unmarshal(text, &back); err != nil || back.Call != v.Name || len(back.Args) != len(v.Args) {
				t.Fatalf("%v: %s", err, text)
			}
			for _, a := range v.Args {
				if back.Args[a.Name] != a.Text {
					t.Errorf("%s is %q in %s", a.Name, back.Args[a.Name], text)
				}
			}
		}
		if limit := maxLine + 6*maxListing; m.read > limit {
			t.Errorf("%d bytes read", m.read)
		}
	})
}
