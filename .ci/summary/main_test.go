package main

import (
	"errors"
	"strings"
	"testing"
)

func TestSummary(t *testing.T) {
	for _, test := range []struct {
		name   string
		events string
		err    error
		want   string // the last line
		also   string // is printed
		ok     bool
	}{
		{
			name: "all passed", ok: true, want: "2 passed, 0 failed, 0 skipped", also: "ok   p (1.5 s)",
			events: `{"Action":"start","Package":"p"}
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Test":"TestA/x","Elapsed":0}
{"Action":"pass","Package":"p","Test":"TestA","Elapsed":0}
{"Action":"pass","Package":"p","Elapsed":1.5}`,
		},
		{
			name: "skipped", ok: true, want: "0 passed, 0 failed, 1 skipped", also: "SKIP p TestA: x_test.go:3: no such device",
			events: `{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"    x_test.go:3: no such device\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"--- SKIP: TestA (0.00s)\n"}
{"Action":"skip","Package":"p","Test":"TestA","Elapsed":0}
{"Action":"skip","Package":"q","Elapsed":0}`,
		},
		{
			name: "failed", want: "0 passed, 1 failed, 0 skipped", also: "x_test.go:9: wrong", err: errors.New("exit status 1"),
			events: `{"Action":"output","Package":"p","Test":"TestA","Output":"x_test.go:9: wrong\n"}
{"Action":"fail","Package":"p","Test":"TestA","Elapsed":0}
{"Action":"fail","Package":"p","Elapsed":0}`,
		},
		{
			name: "not built", want: "0 passed, 1 failed, 0 skipped", also: "undefined: x", err: errors.New("exit status 1"),
			events: `{"ImportPath":"p","Action":"build-output","Output":"a.go:1: undefined: x\n"}
{"ImportPath":"p","Action":"build-fail"}
{"Action":"fail","Package":"p","Elapsed":0}`,
		},
		{
			name: "no tests at all", want: "0 passed, 1 failed, 0 skipped", also: "exit status 2", err: errors.New("exit status 2"),
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out strings.Builder
			s := summary{out: &out, text: map[name][]string{}, failedIn: map[string]int{}}
			if err := s.read(strings.NewReader(test.events)); err != nil {
				t.Fatal(err)
			}
			if ok := s.finish(test.err); ok != test.ok {
				t.Errorf("finish: %v", ok)
			}
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			if got := lines[len(lines)-1]; got != test.want {
				t.Errorf("last line %q, want %q", got, test.want)
			}
			if !strings.Contains(out.String(), test.also) {
				t.Errorf("no %q in\n%s", test.also, out.String())
			}
		})
	}
}
