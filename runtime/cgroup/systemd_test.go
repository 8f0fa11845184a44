package cgroup

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	systemd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"
)

func TestUnit(t *testing.T) {
	for path, want := range map[string]string{
		"":                         "system.slice laplace-ID.scope",
		"system.slice:docker:abc":  "system.slice docker-abc.scope",
		":runc:abc":                "system.slice runc-abc.scope",
		"a-b-c.slice:crio:x":       "a-b-c.slice crio-x.scope",
		"-.slice:p:n":              "-.slice p-n.scope",
		"user.slice:libpod:x":      "user.slice libpod-x.scope",
		"machine.slice::pod.slice": "machine.slice pod.slice",
		"a:b":                      "",
		"a:b:c":                    "",
		"a.slice:b:":               "",
		"-a.slice:b:c":             "",
		"a--b.slice:b:c":           "",
		"a.slice:b/../c:d":         "",
		"../a.slice:b:c":           "",
		"/an/absolute/path":        "",
	} {
		u, err := parseUnit(path, "ID")
		if err != nil || want == "" {
			if (err != nil) != (want == "") || err != nil && !errors.Is(err, unix.EINVAL) {
				t.Errorf("%q: %+v, %v", path, u, err)
			}
			continue
		}
		if got := u.slice + " " + u.name; got != want {
			t.Errorf("%q: %s", path, got)
		}
		names := map[string]bool{}
		for _, p := range u.properties(42) {
			names[p.Name] = true
		}
		if scope := strings.HasSuffix(want, ".scope"); names["PIDs"] != scope || names["Slice"] != scope || !names["Delegate"] {
			t.Errorf("%q: properties %v", path, names)
		}
	}
	if _, err := os.Stat("/run/systemd/system"); err == nil {
		t.Skip("systemd runs here; that it is missing is what is tested")
	}
	h, err := Detect()
	if err != nil {
		t.Skip("needs control groups:", err)
	}
	if _, err := Create(h, Options{ID: "x", Systemd: true}); !errors.Is(err, ErrNoSystemd) {
		t.Errorf("without systemd: %v", err)
	}
}

// A fakeBus stands for a bus with systemd on it, since hosts of tests have none. It knows units by their
// control groups; one of "" fails to start.
type fakeBus struct {
	t     *testing.T
	units map[string]string
	calls chan string // what was called, with the unit's name
	// listener is the connection that asked for signals.
	mu       sync.Mutex
	listener net.Conn
}

// connect connects to the bus.
func (b *fakeBus) connect(ctx context.Context) *systemd.Conn {
	b.t.Helper()
	socket := filepath.Join(b.t.TempDir(), "bus")
	l, err := net.Listen("unix", socket)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go b.serve(c)
		}
	}()
	c, err := systemd.NewConnection(func() (*dbus.Conn, error) {
		c, err := dbus.Dial("unix:path="+socket, dbus.WithContext(ctx))
		if err != nil {
			return nil, err
		}
		return c, c.Auth([]dbus.Auth{dbus.AuthExternal("0")})
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(c.Close)
	return c
}

// serve answers one connection.
func (b *fakeBus) serve(c net.Conn) {
	defer c.Close()
	r := bufio.NewReader(c)
	for line := ""; !strings.HasPrefix(line, "BEGIN"); {
		var err error
		if line, err = r.ReadString('\n'); err != nil {
			return
		}
		switch {
		case strings.Contains(line, "AUTH EXTERNAL"):
			c.Write([]byte("OK 00000000000000000000000000000000\r\n"))
		case strings.Contains(line, "AUTH"):
			c.Write([]byte("REJECTED EXTERNAL\r\n"))
		case strings.HasPrefix(line, "NEGOTIATE"):
			c.Write([]byte("ERROR\r\n"))
		}
	}
	for {
		m, err := dbus.DecodeMessage(r)
		if err != nil {
			return
		}
		b.mu.Lock()
		if m.Headers[dbus.FieldMember].Value() == "AddMatch" {
			b.listener = c
		}
		for _, answer := range b.answer(m) {
			if len(answer.Body) > 0 {
				answer.Headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(answer.Body...))
			}
			to := c
			if answer.Type == dbus.TypeSignal {
				to = b.listener
			}
			if err := answer.EncodeTo(to, binary.LittleEndian); err != nil {
				b.t.Error(err)
			}
		}
		b.mu.Unlock()
	}
}

// answer are the messages that follow a call.
func (b *fakeBus) answer(m *dbus.Message) []*dbus.Message {
	reply := &dbus.Message{Type: dbus.TypeMethodReply, Headers: map[dbus.HeaderField]dbus.Variant{dbus.FieldReplySerial: dbus.MakeVariant(m.Serial())}}
	method, _ := m.Headers[dbus.FieldMember].Value().(string)
	name := ""
	if len(m.Body) > 0 {
		name, _ = m.Body[0].(string)
	}
	const job = dbus.ObjectPath("/org/freedesktop/systemd1/job/1")
	switch method {
	case "StartTransientUnit", "StopUnit":
		b.calls <- method + " " + name
		group, known := b.units[name]
		if !known {
			reply.Type = dbus.TypeError
			reply.Headers[dbus.FieldErrorName] = dbus.MakeVariant("org.freedesktop.systemd1.NoSuchUnit")
			reply.Body = []any{"there is no such unit"}
			return []*dbus.Message{reply}
		}
		result := "done"
		if group == "" {
			result = "failed"
		}
		reply.Body = []any{job}
		return []*dbus.Message{reply, {Type: dbus.TypeSignal, Headers: map[dbus.HeaderField]dbus.Variant{
			dbus.FieldPath:      dbus.MakeVariant(dbus.ObjectPath("/org/freedesktop/systemd1")),
			dbus.FieldInterface: dbus.MakeVariant("org.freedesktop.systemd1.Manager"),
			dbus.FieldMember:    dbus.MakeVariant("JobRemoved"),
		}, Body: []any{uint32(1), job, name, result}}}
	case "Get":
		object, _ := m.Headers[dbus.FieldPath].Value().(dbus.ObjectPath)
		for unit, group := range b.units {
			if strings.HasSuffix(string(object), "/"+systemd.PathBusEscape(unit)) {
				reply.Body = []any{dbus.MakeVariant(group)}
			}
		}
	}
	return []*dbus.Message{reply}
}

// TestUnitLife starts and stops units.
func TestUnitLife(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), busTimeout)
	defer cancel()
	b := &fakeBus{t: t, calls: make(chan string, 100), units: map[string]string{
		"p-n.scope": "/user.slice/user-1000.slice/user@1000.service/user.slice/p-n.scope", "p-failed.scope": "", "p-lost.scope": "relative", "pod.slice": "/machine.slice/pod.slice",
	}}
	c := b.connect(ctx)
	for _, test := range []struct{ path, name, want, fails string }{
		{"user.slice:p:n", "p-n.scope", b.units["p-n.scope"], ""},
		{"machine.slice::pod.slice", "pod.slice", b.units["pod.slice"], ""},
		{"user.slice:p:failed", "p-failed.scope", "", "start p-failed.scope: failed"},
		{"user.slice:p:lost", "p-lost.scope", "", `"relative", not a path`},
		{"user.slice:p:unknown", "p-unknown.scope", "", "there is no such unit"},
	} {
		u, err := parseUnit(test.path, "ID")
		if err != nil {
			t.Fatal(err)
		}
		group, err := u.start(ctx, c, 42)
		if group != test.want || (err != nil) != (test.fails != "") || err != nil && !strings.Contains(err.Error(), test.fails) {
			t.Errorf("%s: %q, %v", test.path, group, err)
		}
		if got := <-b.calls; got != "StartTransientUnit "+test.name {
			t.Errorf("%s: %s", test.path, got)
		}
		if err := stop(ctx, c, u.name); err != nil {
			t.Errorf("stop %s: %v", u.name, err)
		}
		if got := <-b.calls; got != "StopUnit "+test.name {
			t.Errorf("%s: %s", test.path, got)
		}
	}
}

// TestUnitGroup leaves the controllers of a v2 group that systemd has made to systemd.
func TestUnitGroup(t *testing.T) {
	var made []string
	root := t.TempDir()
	y := &hierarchy{v2: true, controllers: []string{"cpuset"}, point: root}
	if err := os.WriteFile(filepath.Join(root, "cgroup.subtree_control"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := makeGroup(y, filepath.Join(root, "x"), true, &made); err != nil {
		t.Error(err)
	}
	if got := written(t, root); len(got) > 0 {
		t.Errorf("written: %q", got)
	}
}
