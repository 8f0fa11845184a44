package runtime

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// BenchmarkInit reports how long it takes from the start of init to its reply
// and to the execve of the command: medians, in microseconds.
func BenchmarkInit(b *testing.B) {
	for _, c := range callers() {
		for _, etc := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/split=%v", c.name, etc), func(b *testing.B) {
				var reply, exec []int64
				for range b.N {
					s := scenario{Request: c.box("")}
					s.Request.CPU = 0
					s.Request.Spec.Process.Args = []string{"/bin/true"}
					if etc {
						splitEtc(b, &s)
					}
					o := c.run(b, s)
					if o.Status != 0 || !o.Reply.OK {
						b.Fatalf("%+v", o)
					}
					reply, exec = append(reply, o.ReplyUS), append(exec, o.ExecUS)
				}
				slices.Sort(reply)
				slices.Sort(exec)
				b.ReportMetric(float64(reply[len(reply)/2]), "µs-reply")
				b.ReportMetric(float64(exec[len(exec)/2]), "µs-exec")
			})
		}
	}
}

// BenchmarkPlacePID reports what placing a pid costs, from the CPU that init is
// pinned to and from another one.
func BenchmarkPlacePID(b *testing.B) {
	c := callers()[0]
	for cpu := range min(2, runtime.NumCPU()) {
		b.Run(fmt.Sprintf("cpu=%d", cpu), func(b *testing.B) {
			s := scenario{Request: c.box("true"), PlaceTimes: b.N, PlaceCPU: cpu}
			s.Request.CPU = 0
			b.ReportMetric(float64(c.run(b, s).PlaceNS), "ns/place")
		})
	}
}

// splitEtc binds the entries of /etc one by one, as a root does in which some of
// them are replaced.
func splitEtc(b *testing.B, s *scenario) {
	s.Request.Spec.Mounts = slices.DeleteFunc(s.Request.Spec.Mounts, func(m specs.Mount) bool { return m.Destination == "/etc" })
	entries, err := os.ReadDir("/etc")
	if err != nil {
		b.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() || e.Type().IsRegular() {
			p := "/etc/" + e.Name()
			s.Request.Spec.Mounts = append(s.Request.Spec.Mounts, specs.Mount{Destination: p, Type: "bind", Source: p, Options: []string{"rbind", "rro"}})
		}
	}
}
