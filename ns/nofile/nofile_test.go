// Not of the package: what it imports would be imported by the package, and begin before it.
package nofile_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"laplace.dev/laplace/ns/nofile"
)

const child = "_LAPLACE_NOFILE"

func TestMain(m *testing.M) {
	if os.Getenv(child) != "" {
		fmt.Println(nofile.Caller.Soft, nofile.Caller.Hard)
		return
	}
	os.Exit(m.Run())
}

func TestCaller(t *testing.T) {
	cmd := exec.Command("sh", "-c", `ulimit -Sn 100; ulimit -Hn 200; "$0"`, os.Args[0])
	cmd.Env = append(os.Environ(), child+"=1")
	out, err := cmd.CombinedOutput()
	if got := strings.TrimSpace(string(out)); err != nil || got != "100 200" {
		t.Errorf("%s, %v; want 100 200", got, err)
	}
}
