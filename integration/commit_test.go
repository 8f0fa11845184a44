package integration

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestCommitKilled kills laplace's processes, at different times, while a commit of
// many files is under way: the project is as before or as after, and the next run
// there makes it so.
func TestCommitKilled(t *testing.T) {
	const files = 400
	for _, victim := range []string{"client", "supervisor", "both", "interrupt"} {
		t.Run(victim, func(t *testing.T) {
			seen := map[string]bool{}
			for _, delay := range []int{0, 5, 20} {
				l := startLasting(t, `i=0; while [ $i -lt `+strconv.Itoa(files)+` ]; do echo x > f$i; i=$((i+1)); done; exec rm old`, func(cmd *exec.Cmd) {
					if err := os.WriteFile(filepath.Join(cmd.Dir, "old"), nil, 0o644); err != nil {
						t.Fatal(err)
					}
				})
				supervisor := l.find(t, "laplace-supervisor")
				projects := filepath.Join(l.state, "laplace/v1/projects/*/")
				until(t, "the commit begins", func() bool {
					under, _ := filepath.Glob(projects + "/commit")
					return len(under) > 0
				})
				time.Sleep(time.Duration(delay) * time.Millisecond)
				if victim == "interrupt" {
					_ = unix.Kill(l.cmd.Process.Pid, unix.SIGINT)
				}
				if victim == "supervisor" || victim == "both" {
					_ = unix.Kill(supervisor.pid, unix.SIGKILL)
				}
				if victim == "client" || victim == "both" {
					_ = unix.Kill(l.cmd.Process.Pid, unix.SIGKILL)
				}
				status := l.end(t)
				// Whoever is left has the lock until he is done.
				cmd := exec.Command(laplace(t), "do", "--", "sh", "-c", "ls -A | sed 's/[0-9]//g' | sort | uniq -c")
				var stderr bytes.Buffer
				cmd.Dir, cmd.Env, cmd.Stderr = l.project, l.cmd.Env, &stderr
				out, err := cmd.Output()
				if err != nil {
					t.Fatalf("%v\n%s", err, stderr.String())
				}
				got := strings.Join(strings.Fields(string(out)), " ")
				if got != "1 old" && got != strconv.Itoa(files)+" f" {
					t.Errorf("after %d ms the project holds %s\n%s", delay, got, stderr.String())
				}
				if kept, _ := filepath.Glob(projects + "/kept/overlay-0/upper/f1"); got == "1 old" && len(kept) == 0 {
					t.Errorf("after %d ms: nothing is kept: %s", delay, stderr.String())
				}
				if victim == "interrupt" && (status == 0) != (got != "1 old") {
					t.Errorf("after %d ms: status %d, but the project holds %s", delay, status, got)
				}
				seen[got] = true
				if err := leftovers(l.state, l.project); err != nil {
					t.Error(err)
				}
			}
			t.Log(seen)
		})
	}
}
