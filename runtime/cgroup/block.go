package cgroup

import (
	"fmt"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// blockSettings are the limits of block devices. Weights are a scheduler's: BFQ's, or of old kernels CFQ's.
func blockSettings(r *specs.LinuxResources, v2 func(string) bool) (all []setting, err error) {
	b := r.BlockIO
	if b == nil {
		return nil, nil
	}
	unified := v2("io")
	controller := "blkio"
	if unified {
		controller = "io"
	}
	add := func(field, value string, files ...string) {
		all = append(all, setting{field: "blockIO." + field, controller: controller, files: files, value: value})
	}
	weight := func(field, device string, w uint16, files ...string) {
		values := []string{device + number(w), device + number(w)}
		if unified {
			// BFQ's are from 1 to 1000; the others, of v2, from 1 to 10000.
			files, values[1] = []string{"io.bfq.weight", "io.weight"}, device+number(1+(max(uint64(w), 10)-10)*9999/990)
		}
		add(field, "", files...)
		all[len(all)-1].values = values
	}
	if b.Weight != nil && *b.Weight != 0 {
		weight("weight", "", *b.Weight, "blkio.bfq.weight", "blkio.weight")
	}
	if b.LeafWeight != nil && *b.LeafWeight != 0 {
		if unified {
			return nil, &FieldError{"blockIO.leafWeight", fmt.Errorf("cgroup v2 has no such limit")}
		}
		add("leafWeight", number(*b.LeafWeight), "blkio.leaf_weight")
	}
	for i, d := range b.WeightDevice {
		field := fmt.Sprintf("weightDevice[%d]", i)
		device := fmt.Sprintf("%d:%d ", d.Major, d.Minor)
		if d.Weight != nil {
			weight(field, device, *d.Weight, "blkio.bfq.weight_device", "blkio.weight_device")
		}
		if d.LeafWeight != nil {
			if unified {
				return nil, &FieldError{"blockIO." + field, fmt.Errorf("cgroup v2 has no leaf weights")}
			}
			add(field, device+number(*d.LeafWeight), "blkio.leaf_weight_device")
		}
	}
	for _, t := range []struct {
		field, v1, v2 string
		devices       []specs.LinuxThrottleDevice
	}{
		{"throttleReadBpsDevice", "blkio.throttle.read_bps_device", "rbps", b.ThrottleReadBpsDevice},
		{"throttleWriteBpsDevice", "blkio.throttle.write_bps_device", "wbps", b.ThrottleWriteBpsDevice},
		{"throttleReadIOPSDevice", "blkio.throttle.read_iops_device", "riops", b.ThrottleReadIOPSDevice},
		{"throttleWriteIOPSDevice", "blkio.throttle.write_iops_device", "wiops", b.ThrottleWriteIOPSDevice},
	} {
		for i, d := range t.devices {
			field := fmt.Sprintf("%s[%d]", t.field, i)
			if unified {
				add(field, fmt.Sprintf("%d:%d %s=%d", d.Major, d.Minor, t.v2, d.Rate), "io.max")
			} else {
				add(field, fmt.Sprintf("%d:%d %d", d.Major, d.Minor, d.Rate), t.v1)
			}
		}
	}
	return all, nil
}
