package oci

import (
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Annotations of config.json that Laplace reads. Every one is optional.
const (
	AnnotationPrefix  = "dev.laplace."
	AnnotationEpoch   = AnnotationPrefix + "epoch"   // seconds since 1970-01-01T00:00:00Z at which the box's clocks start
	AnnotationSeed    = AnnotationPrefix + "seed"    // text from which all of the box's randomness is derived
	AnnotationCPUs    = AnnotationPrefix + "cpus"    // number of CPUs that programs see
	AnnotationNetwork = AnnotationPrefix + "network" // NetworkNone or NetworkHost
	AnnotationVerdict = AnnotationPrefix + "verdict" // of a deterministic container that has ended, in its state: a JSON object
	AnnotationRoot    = AnnotationPrefix + "root"    // RootComposed, or absent: root.path is a directory, as in the runtime-spec
	AnnotationMode    = AnnotationPrefix + "mode"    // ModeDeterministic or ModePlain
)

// Values of AnnotationMode.
const (
	ModeDeterministic = "deterministic" // the default: what runs in the container is a function of its inputs
	ModePlain         = "plain"         // a conventional container, whose processes nobody traces
)

// ParseMode returns the value of AnnotationMode, ModeDeterministic if it is absent. Any
// other value is an error.
func ParseMode(annotations map[string]string) (string, error) {
	mode, ok := annotations[AnnotationMode]
	switch {
	case !ok:
		return ModeDeterministic, nil
	case mode != ModeDeterministic && mode != ModePlain:
		return "", fmt.Errorf("annotation %s: %s is neither %s nor %s", AnnotationMode, quote(mode), ModeDeterministic, ModePlain)
	}
	return mode, nil
}

// Values of AnnotationNetwork and AnnotationRoot.
const (
	NetworkNone  = "none"     // loopback only
	NetworkHost  = "host"     // the host's network namespace; taints the verdict
	RootComposed = "composed" // the root is composed on a tmpfs, see Bundle
)

// Limits and defaults of the settings.
const (
	// DefaultEpoch is 2020-01-01T00:00:00Z.
	DefaultEpoch = 1577836800
	// MaxEpoch is the last second that a ustar header, an ext4 inode and a 64-bit
	// count of nanoseconds can all hold (2242-03-16).
	MaxEpoch = 1<<33 - 1
	// DefaultCPUs is the number of CPUs that programs see.
	DefaultCPUs = 4
	// MaxCPUs is the largest number of CPUs that programs can be shown: the size of
	// glibc's cpu_set_t, see CPU_SET(3).
	MaxCPUs = 1024
	// MaxSeed is the greatest length of a seed in bytes.
	MaxSeed = 1024
)

// Settings are those settings of a box that the runtime-spec has no field for. They are
// inputs of the box: two boxes that differ in one may give different results.
type Settings struct {
	// Epoch is where the box's clocks start, in seconds since 1970-01-01T00:00:00Z;
	// 0 to MaxEpoch.
	Epoch int64
	// Seed is the text from which all of the box's randomness is derived; may be
	// empty, at most MaxSeed bytes.
	Seed string
	// CPUs is the number of CPUs that programs see, 1 to MaxCPUs. It does not limit
	// parallelism.
	CPUs int
	// Network is NetworkNone or NetworkHost.
	Network string
}

// DefaultSettings are the settings of a bundle without annotations.
func DefaultSettings() Settings {
	return Settings{Epoch: DefaultEpoch, CPUs: DefaultCPUs, Network: NetworkNone}
}

// Validate returns an error that names the setting which is out of range.
func (s Settings) Validate() error {
	switch {
	case s.Epoch < 0 || s.Epoch > MaxEpoch:
		return fmt.Errorf("epoch %d: not between 1970-01-01T00:00:00Z and %s",
			s.Epoch, time.Unix(MaxEpoch, 0).UTC().Format(time.RFC3339))
	case len(s.Seed) > MaxSeed:
		return fmt.Errorf("seed: longer than %d bytes", MaxSeed)
	case s.CPUs < 1 || s.CPUs > MaxCPUs:
		return fmt.Errorf("cpus %d: not between 1 and %d", s.CPUs, MaxCPUs)
	case s.Network != NetworkNone && s.Network != NetworkHost:
		return fmt.Errorf("network %q: neither %q nor %q", s.Network, NetworkNone, NetworkHost)
	}
	return nil
}

// Annotations encodes the settings for config.json.
func (s Settings) Annotations() map[string]string {
	return map[string]string{
		AnnotationEpoch:   strconv.FormatInt(s.Epoch, 10),
		AnnotationSeed:    s.Seed,
		AnnotationCPUs:    strconv.Itoa(s.CPUs),
		AnnotationNetwork: s.Network,
	}
}

// ParseSettings decodes the annotations of a config.json. An absent annotation has its
// default value; a malformed one, or one out of range, is an error that names it.
// Annotations that Laplace does not know are ignored, as the runtime-spec demands.
func ParseSettings(annotations map[string]string) (Settings, error) {
	s := DefaultSettings()
	var errs []error
	number := func(key string, value *int64) {
		text, ok := annotations[key]
		if !ok {
			return
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			errs = append(errs, fmt.Errorf("annotation %s: %q is not a number", key, text))
			return
		}
		*value = n
	}
	cpus := int64(s.CPUs)
	number(AnnotationEpoch, &s.Epoch)
	number(AnnotationCPUs, &cpus)
	s.CPUs = int(cpus)
	if text, ok := annotations[AnnotationSeed]; ok {
		s.Seed = text
	}
	if text, ok := annotations[AnnotationNetwork]; ok {
		s.Network = text
	}
	if len(errs) == 0 {
		if err := s.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("annotation %s%w", AnnotationPrefix, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return Settings{}, err
	}
	return s, nil
}
