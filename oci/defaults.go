package oci

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// DefaultsFile is where the annotations of containers that have none of their own come from, unless the
// user names another file. It need not be there.
const DefaultsFile = "/etc/laplace/config.toml"

// settingNames are the annotations that a file of defaults may have, without their prefix.
var settingNames = []string{"mode", "epoch", "seed", "cpus", "network", "on-conflict", "report", "cache"}

// LoadDefaults reads a TOML file whose keys are names of annotations without AnnotationPrefix, as in
//
//	mode = "plain"
//	epoch = 1577836800
//
// and returns the annotations. Keys that are not known, and values that the annotation may not
// have, are errors that name the file and the key.
func LoadDefaults(file string) (map[string]string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var values map[string]any
	if _, err := toml.Decode(string(data), &values); err != nil {
		if p, ok := errors.AsType[toml.ParseError](err); ok {
			return nil, fmt.Errorf("%s:%d:%d: %s", file, p.Position.Line, p.Position.Col, p.Message)
		}
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	annotations := make(map[string]string)
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if !slices.Contains(settingNames, key) {
			return nil, fmt.Errorf("%s: unknown key %s; there are %s", file, shorten(key), strings.Join(settingNames, ", "))
		}
		switch v := values[key].(type) {
		case string:
			annotations[AnnotationPrefix+key] = v
		case int64:
			annotations[AnnotationPrefix+key] = fmt.Sprint(v)
		default:
			return nil, fmt.Errorf("%s: %s is neither a string nor a whole number", file, key)
		}
	}
	_, err = ParseSettings(annotations)
	if err == nil {
		_, err = ParseMode(annotations)
	}
	if err == nil {
		err = checkValues(annotations)
	}
	if err == nil && annotations[AnnotationReport] != "" && !strings.HasSuffix(annotations[AnnotationReport], "/") {
		err = fmt.Errorf("annotation %s: of many containers, it must be a directory, which ends with /", AnnotationReport)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return annotations, nil
}

// WithDefaults are annotations, with those of defaults that they lack. Neither map is changed.
func WithDefaults(annotations, defaults map[string]string) map[string]string {
	if len(defaults) == 0 {
		return annotations
	}
	all := maps.Clone(defaults)
	maps.Copy(all, annotations)
	return all
}
