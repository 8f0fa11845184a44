package oci

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func TestValidateID(t *testing.T) {
	for _, id := range []string{"a", "A-b_c+d.e", "0", "...", ".a", "-", strings.Repeat("x", MaxID)} {
		if err := ValidateID(id); err != nil {
			t.Errorf("%q: %v", id, err)
		}
	}
	for _, id := range []string{".", "..", "a/b", "a b", "a\x00", "ä", "/", "a:b", strings.Repeat("x", MaxID+1)} {
		if err := ValidateID(id); !errors.Is(err, ErrInvalidID) {
			t.Errorf("%q: %v", id, err)
		}
	}
	if err := ValidateID(""); !errors.Is(err, ErrEmptyID) {
		t.Error(err)
	}
}

func TestStateText(t *testing.T) {
	s := State{
		Version: "1.0.2", ID: "one", Pid: 42, Status: Running, Bundle: "/b", Rootfs: "/b/rootfs",
		Created: time.Date(2020, 1, 2, 4, 4, 5, 6, time.FixedZone("x", 3600)), Annotations: map[string]string{"b": "c", "a": "b"},
	}
	const want = `{
  "ociVersion": "1.0.2",
  "id": "one",
  "pid": 42,
  "status": "running",
  "bundle": "/b",
  "rootfs": "/b/rootfs",
  "created": "2020-01-02T03:04:05.000000006Z",
  "annotations": {
    "a": "b",
    "b": "c"
  },
  "owner": ""
}`
	if got, err := s.Encode(); err != nil || string(got) != want {
		t.Errorf("%s, %v", got, err)
	}
	s.Status, s.Annotations = Stopped, nil
	var again State
	if got, err := s.Encode(); err != nil || json.Unmarshal(got, &again) != nil || again.Pid != 0 || strings.Contains(string(got), "annotations") {
		t.Errorf("stopped: %s, %v", got, err)
	}
	if s.Pid != 42 {
		t.Error("encoding changed the state")
	}
	hook := s.Hook()
	if hook.Status != specs.StateStopped || hook.Pid != 0 || hook.ID != "one" || hook.Bundle != "/b" || hook.Version != "1.0.2" {
		t.Errorf("for hooks: %+v", hook)
	}
	if got, err := EncodeList(nil); err != nil || string(got) != "null\n" {
		t.Errorf("no containers: %q, %v", got, err)
	}
	s.Owner = "root"
	const list = `[{"ociVersion":"1.0.2","id":"one","pid":0,"status":"stopped","bundle":"/b","rootfs":"/b/rootfs","created":"2020-01-02T03:04:05.000000006Z","owner":"root"}]` + "\n"
	if got, err := EncodeList([]State{s}); err != nil || string(got) != list {
		t.Errorf("list: %s, %v", got, err)
	}
}

// TestAllowed is the table of which command can be in which status, as runc has it, with
// what it says.
func TestAllowed(t *testing.T) {
	const (
		id     = "a{status}%d" // a name is no text with places to fill
		start  = "cannot start a container in the paused state"
		exec   = "cannot exec in a paused container (use --ignore-paused to override)"
		delete = "cannot delete container " + id + " that is not stopped: "
	)
	for _, test := range []struct {
		command                                   Command
		creating, created, running, paused, ended string
	}{
		{Start, "cannot start a container in the creating state", "", "cannot start an already running container", start, "cannot start a container that has stopped"},
		{Kill, "container not running", "", "", "", "container not running"},
		{Delete, delete + "creating", "", delete + "running", delete + "paused", ""},
		{ForceDelete, "", "", "", "", ""},
		{Pause, "container not running", "", "", "container not running", "container not running"},
		{Resume, "container not paused", "container not paused", "container not paused", "", "container not paused"},
		{Exec, "cannot exec in a container in the creating state", "", "", exec, "cannot exec in a stopped container"},
		{ExecPaused, "cannot exec in a container in the creating state", "", "", "", "cannot exec in a stopped container"},
		{Ps, "", "", "", "", ""},
		{Events, "", "", "", "", "container with id " + id + " is not running"},
		{Update, "", "", "", "", "container not running"},
		{Checkpoint, "Container cannot be checkpointed in creating state", "Container cannot be checkpointed in created state", "", "",
			"Container cannot be checkpointed in stopped state"},
	} {
		for i, want := range []string{test.creating, test.created, test.running, test.paused, test.ended} {
			got := ""
			if err := Allowed(test.command, id, Statuses[i]); err != nil {
				got = err.Error()
			}
			if got != want {
				t.Errorf("%s of a %s container: %q, want %q", test.command, Statuses[i], got, want)
			}
		}
	}
	if err := Allowed(Kill, "a", Stopped); !errors.Is(err, ErrNotRunning) {
		t.Error(err)
	}
	if Allowed("dance", "a", Running) == nil || Allowed(Ps, "a", "x") == nil {
		t.Error("what is no command or no status is allowed")
	}
}

func TestCanBecome(t *testing.T) {
	allowed := map[Status]string{
		Creating: "creating created stopped", Created: "created running paused stopped", Running: "running paused stopped",
		Paused: "paused created running stopped", Stopped: "stopped",
	}
	for _, from := range Statuses {
		for _, to := range Statuses {
			want := strings.Contains(" "+allowed[from]+" ", " "+string(to)+" ")
			if from.CanBecome(to) != want {
				t.Errorf("%s, then %s: %v", from, to, !want)
			}
		}
	}
	if Status("x").CanBecome("x") {
		t.Error("what is no status stays so")
	}
}
