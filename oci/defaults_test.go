package oci

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLoadDefaults(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.toml")
	if _, err := LoadDefaults(file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	for text, want := range map[string]struct {
		annotations map[string]string
		err         string
	}{
		"": {map[string]string{}, ""},
		"# all\nmode = \"plain\"\nepoch = 5\nseed = \"x\"\ncpus = 2\nnetwork = \"host\"\n": {map[string]string{
			AnnotationMode: ModePlain, AnnotationEpoch: "5", AnnotationSeed: "x", AnnotationCPUs: "2", AnnotationNetwork: NetworkHost}, ""},
		"on-conflict = \"fail\"\nreport = \"/var/log/x/\"": {map[string]string{AnnotationOnConflict: ConflictFail, AnnotationReport: "/var/log/x/"}, ""},
		"on-conflict = \"order\"":                          {nil, "annotation dev.laplace.on-conflict: a container is not run again"},
		"report = \"/var/x\"":                              {nil, "annotation dev.laplace.report: of many containers"},
		"mode = \"fast\"":                                  {nil, "annotation dev.laplace.mode"},
		"epoch = \"soon\"":                                 {nil, "annotation dev.laplace.epoch"},
		"cpus = 0":                                         {nil, "cpus 0"},
		"mood = \"plain\"":                                 {nil, "unknown key mood; there are mode, "},
		"epoch = 1.5":                                      {nil, "epoch is neither"},
		"mode = [\"plain\"]":                               {nil, "mode is neither"},
		"\n\nmode = plain\n":                               {nil, "config.toml:3:8: "},
		"mode = \"a\"\nmode=":                              {nil, "config.toml:2:"},
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := LoadDefaults(file)
		if want.err != "" {
			if err == nil || !strings.Contains(err.Error(), want.err) || !strings.HasPrefix(err.Error(), file) {
				t.Errorf("%q: %v", text, err)
			}
			continue
		}
		if err != nil || cmp.Diff(want.annotations, got) != "" {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

func TestWithDefaults(t *testing.T) {
	defaults := map[string]string{AnnotationMode: ModePlain, AnnotationSeed: "x"}
	got := WithDefaults(map[string]string{AnnotationSeed: "mine", "other": "y"}, defaults)
	if diff := cmp.Diff(map[string]string{AnnotationMode: ModePlain, AnnotationSeed: "mine", "other": "y"}, got); diff != "" {
		t.Error(diff)
	}
	if len(defaults) != 2 || WithDefaults(nil, nil) != nil {
		t.Error("defaults are changed")
	}
}
