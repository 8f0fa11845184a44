package integration

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// recordSeeds is how many schedules each script of testdata/records runs in.
const recordSeeds = 6

// runJSON is what laplace runs show --json prints, as far as it is looked at here.
type runJSON struct {
	Execs []struct {
		Argv   []string
		Status uint32
		Inputs []struct {
			Path, Kind, Digest string
			Errno              int
		}
		Outputs []struct {
			Path, Digest, From, Xattrs string
			Gone                       bool
			Mode, UID                  uint32
			Ino                        uint64
		}
		FDs []struct {
			Number uint32
			Path   string
		}
	}
}

// text is what the execs of a run did in the project, a line each.
func (r *runJSON) text(project string) string {
	var b strings.Builder
	local := func(path string) (string, bool) { return strings.CutPrefix(path, project+"/") }
	short := func(digest string) string {
		if _, hex, ok := strings.Cut(digest, ":"); ok {
			return hex[:12]
		}
		return "-"
	}
	for _, x := range r.Execs {
		links := make(map[uint64]int)
		for _, out := range x.Outputs {
			links[out.Ino]++
		}
		fmt.Fprintf(&b, "%q: status %d\n", x.Argv, x.Status)
		for _, fd := range x.FDs {
			if path, ok := local(fd.Path); ok {
				fmt.Fprintf(&b, "\tdescriptor %d %s\n", fd.Number, path)
			}
		}
		for _, in := range x.Inputs {
			if path, ok := local(in.Path); ok && in.Kind != "metadata" { // which holds times and numbers
				fmt.Fprintf(&b, "\t%s %s %s %d\n", in.Kind, path, short(in.Digest), in.Errno)
			}
		}
		for _, out := range x.Outputs {
			path, _ := local(out.Path)
			from, _ := local(out.From)
			if out.Gone {
				fmt.Fprintf(&b, "\tremoves %s\n", path)
				continue
			}
			fmt.Fprintf(&b, "\tleaves %s %o %d %s", path, out.Mode, out.UID, short(out.Digest))
			if out.Xattrs != "" {
				fmt.Fprintf(&b, " attributes %s", short(out.Xattrs))
			}
			if n := links[out.Ino]; n > 1 {
				fmt.Fprintf(&b, " with %d names", n)
			}
			if from != "" {
				fmt.Fprintf(&b, " from %s", from)
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

// TestRecords runs each script of testdata/records in several schedules: each has the record
// that its .golden file tells of.
func TestRecords(t *testing.T) {
	sources, err := filepath.Glob("testdata/records/*.sh")
	if err != nil || len(sources) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, source := range sources {
		t.Run(strings.TrimSuffix(filepath.Base(source), ".sh"), func(t *testing.T) {
			t.Parallel()
			p := newConflictProgram(source, "records-"+filepath.Base(source))
			p.build(t)
			p.runNative(t)
			home := filepath.Join(p.dir, "home")
			show := func(flags ...string) string {
				_, rep := p.runBoxed(t, flags...)
				if rep.Verdict != "deterministic" {
					t.Fatalf("%q: %s %+v", flags, rep.Verdict, rep.Taints)
				}
				r := run(t, plainCaller(home), p.project, nil, laplace(t), "runs", "show", "--json", rep.Record.ID)
				var all runJSON
				if err := json.Unmarshal([]byte(r.Stdout), &all); err != nil || r.Exit != 0 {
					t.Fatalf("%v, exit status %d\n%s", err, r.Exit, r.Stderr)
				}
				return all.text(p.project)
			}
			golden := strings.TrimSuffix(source, ".sh") + ".golden"
			got := show("--canonical")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := gocmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s (go test ./integration -run TestRecords -update):\n%s", golden, diff)
			}
			for seed := range recordSeeds {
				if diff := gocmp.Diff(got, show("--jitter", strconv.Itoa(seed))); diff != "" {
					t.Fatalf("schedule %d and the canonical run differ:\n%s", seed, diff)
				}
			}
		})
	}
}
