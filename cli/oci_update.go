package cli

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"laplace.dev/laplace/oci"
	"laplace.dev/laplace/runtime/container"
)

// ociUpdate is the command that changes limits of a container.
func ociUpdate(f *ociFlags, c *Caller) *cobra.Command {
	var file string
	set := limits{values: map[string]func(*specs.LinuxResources){}}
	cmd := f.command(c, "update [flags] ID", "Change limits of a container", 1, 1, func(r *container.Runtime, args []string) error {
		resources := &specs.LinuxResources{}
		if file != "" {
			var err error
			if resources, err = readResources(c, r, file); err != nil {
				return err
			}
		} else {
			for _, apply := range set.values {
				apply(resources)
			}
		}
		box, err := r.Lock(args[0])
		if err != nil {
			return err
		}
		defer box.Unlock()
		return box.Update(resources)
	})
	cmd.Flags().StringVarP(&file, "resources", "r", "", "`FILE` has linux.resources as config.json has them, - is standard input; no other flag counts then")
	set.add(cmd.Flags())
	return cmd
}

// readResources reads limits from a file, or from standard input.
func readResources(c *Caller, r *container.Runtime, name string) (*specs.LinuxResources, error) {
	in := c.Stdin
	if name != "-" {
		path, err := c.abs(name)
		if err != nil {
			return nil, err
		}
		if in, err = os.Open(path); err != nil {
			return nil, err
		}
		defer in.Close()
	}
	text, err := io.ReadAll(io.LimitReader(in, oci.MaxDocument+1))
	if err != nil {
		return nil, err
	}
	return oci.ParseResources("resources", text, r.Log)
}

// limits are the flags of update: each that is given sets a field.
type limits struct {
	values map[string]func(*specs.LinuxResources)
}

func memory(r *specs.LinuxResources) *specs.LinuxMemory {
	if r.Memory == nil {
		r.Memory = &specs.LinuxMemory{}
	}
	return r.Memory
}

func cpu(r *specs.LinuxResources) *specs.LinuxCPU {
	if r.CPU == nil {
		r.CPU = &specs.LinuxCPU{}
	}
	return r.CPU
}

// add defines them.
func (l *limits) add(flags *pflag.FlagSet) {
	size := func(name, usage string, set func(*specs.LinuxMemory, *int64)) {
		l.flag(flags, name, "`BYTES` "+usage, func(text string) (func(*specs.LinuxResources), error) {
			n, err := parseBytes(text)
			return func(r *specs.LinuxResources) { set(memory(r), &n) }, err
		})
	}
	size("memory", "of memory at most; -1 is no limit", func(m *specs.LinuxMemory, n *int64) { m.Limit = n })
	size("memory-reservation", "of memory that it should stay below", func(m *specs.LinuxMemory, n *int64) { m.Reservation = n })
	size("memory-swap", "of memory and swap at most; -1 is no limit", func(m *specs.LinuxMemory, n *int64) { m.Swap = n })
	signed := func(name, usage string, set func(*specs.LinuxResources, *int64)) {
		l.flag(flags, name, usage, func(text string) (func(*specs.LinuxResources), error) {
			n, err := strconv.ParseInt(text, 10, 64)
			return func(r *specs.LinuxResources) { set(r, &n) }, err
		})
	}
	unsigned := func(name, usage string, set func(*specs.LinuxCPU, *uint64)) {
		l.flag(flags, name, usage, func(text string) (func(*specs.LinuxResources), error) {
			n, err := strconv.ParseUint(text, 10, 64)
			return func(r *specs.LinuxResources) { set(cpu(r), &n) }, err
		})
	}
	unsigned("cpu-period", "`MICROSECONDS` that cpu-quota is of", func(c *specs.LinuxCPU, n *uint64) { c.Period = n })
	unsigned("cpu-rt-period", "`MICROSECONDS` that cpu-rt-runtime is of", func(c *specs.LinuxCPU, n *uint64) { c.RealtimePeriod = n })
	unsigned("cpu-share", "`WEIGHT` beside other groups", func(c *specs.LinuxCPU, n *uint64) { c.Shares = n })
	signed("cpu-quota", "`MICROSECONDS` of CPU time in a period", func(r *specs.LinuxResources, n *int64) { cpu(r).Quota = n })
	signed("cpu-rt-runtime", "`MICROSECONDS` of real-time scheduling in a period", func(r *specs.LinuxResources, n *int64) { cpu(r).RealtimeRuntime = n })
	signed("cpu-idle", "1 has it run only when nobody else does", func(r *specs.LinuxResources, n *int64) { cpu(r).Idle = n })
	signed("pids-limit", "`NUMBER` of processes and threads at most", func(r *specs.LinuxResources, n *int64) { r.Pids = &specs.LinuxPids{Limit: n} })
	unsigned("cpu-burst", "`MICROSECONDS` saved up at most", func(c *specs.LinuxCPU, n *uint64) { c.Burst = n })
	l.flag(flags, "cpuset-cpus", "`LIST` of CPUs", func(text string) (func(*specs.LinuxResources), error) {
		return func(r *specs.LinuxResources) { cpu(r).Cpus = text }, nil
	})
	l.flag(flags, "cpuset-mems", "`LIST` of memory nodes", func(text string) (func(*specs.LinuxResources), error) {
		return func(r *specs.LinuxResources) { cpu(r).Mems = text }, nil
	})
	l.flag(flags, "blkio-weight", "`WEIGHT` of block devices, 10 to 1000", func(text string) (func(*specs.LinuxResources), error) {
		n, err := strconv.ParseUint(text, 10, 16)
		weight := uint16(n)
		return func(r *specs.LinuxResources) { r.BlockIO = &specs.LinuxBlockIO{Weight: &weight} }, err
	})
}

// flag defines one.
func (l *limits) flag(flags *pflag.FlagSet, name, usage string, parse func(string) (func(*specs.LinuxResources), error)) {
	flags.Func(name, usage, func(text string) error {
		apply, err := parse(text)
		if err == nil {
			l.values[name] = apply
		}
		return err
	})
}

// parseBytes reads a size: a number, with b, k, m, g or t after it.
func parseBytes(text string) (int64, error) {
	number, unit := strings.ToLower(text), int64(1)
	for i, suffix := range []string{"k", "m", "g", "t"} {
		for _, form := range []string{suffix, suffix + "b", suffix + "ib"} {
			if n, ok := strings.CutSuffix(number, form); ok {
				number, unit = n, 1<<(10*(i+1))
				break
			}
		}
	}
	number = strings.TrimSuffix(number, "b")
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < -1 || n > (1<<63-1)/unit {
		return 0, fmt.Errorf("%q is no size, such as 512m", text)
	}
	return n * unit, nil
}
