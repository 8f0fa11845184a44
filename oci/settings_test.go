package oci

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestSettingsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Settings{
			Epoch:   rapid.Int64Range(0, MaxEpoch).Draw(t, "epoch"),
			Seed:    rapid.StringN(-1, -1, MaxSeed).Draw(t, "seed"),
			CPUs:    rapid.IntRange(1, MaxCPUs).Draw(t, "cpus"),
			Network: rapid.SampledFrom([]string{NetworkNone, NetworkHost}).Draw(t, "network"),
		}
		got, err := ParseSettings(want.Annotations())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestParseSettings(t *testing.T) {
	got, err := ParseSettings(map[string]string{"com.example": "x", AnnotationPrefix + "future": "y"})
	if err != nil || got != DefaultSettings() {
		t.Errorf("unknown annotations: got %+v, %v", got, err)
	}
	for _, test := range []struct{ key, value string }{
		{AnnotationEpoch, "yesterday"}, {AnnotationEpoch, "-1"}, {AnnotationEpoch, "8589934592"},
		{AnnotationEpoch, "99999999999999999999"}, {AnnotationEpoch, ""},
		{AnnotationCPUs, "0"}, {AnnotationCPUs, "1025"}, {AnnotationCPUs, "4.0"},
		{AnnotationNetwork, ""}, {AnnotationNetwork, "bridge"},
		{AnnotationSeed, strings.Repeat("x", MaxSeed+1)},
	} {
		_, err := ParseSettings(map[string]string{test.key: test.value})
		if err == nil || !strings.Contains(err.Error(), test.key) {
			t.Errorf("%s=%.20q: got error %v, want one that names the annotation", test.key, test.value, err)
		}
	}
}
