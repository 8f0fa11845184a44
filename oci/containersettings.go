package oci

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// Annotations of deterministic containers only: boxes have flags for it.
const (
	AnnotationOnConflict = AnnotationPrefix + "on-conflict" // ConflictTaint or ConflictFail
	AnnotationReport     = AnnotationPrefix + "report"      // where the run's report is written: see ReportPath
	AnnotationCache      = AnnotationPrefix + "cache"       // one of cacheModes
)

// cacheModes are the values of AnnotationCache: the first is the default, the others are those of laplace do --cache.
var cacheModes = []string{"off", "on", "read", "write", "verify"}

// CacheMode is what a container has to do with the cache: "" nothing, or what laplace do --cache takes.
func CacheMode(annotations map[string]string) string {
	if m := annotations[AnnotationCache]; m != cacheModes[0] {
		return m
	}
	return ""
}

// Values of AnnotationOnConflict.
const (
	ConflictTaint = "taint" // the default: a conflict is in the verdict
	ConflictFail  = "fail"  // it ends the container
)

// CheckContainer returns an error that names the annotation which a deterministic container may not have, or not with
// this value. given are annotations of its own, before it got defaults, which are the host's and may do more.
func CheckContainer(given, annotations map[string]string) error {
	settings, err := ParseSettings(annotations)
	if err != nil {
		return err
	}
	if settings.Network != NetworkNone {
		return fmt.Errorf("annotation %s: %s is not for deterministic containers; %s=%s makes it a conventional one", AnnotationNetwork, settings.Network,
			AnnotationMode, ModePlain)
	}
	if strings.HasPrefix(given[AnnotationReport], "/") {
		return fmt.Errorf("annotation %s: %s is not below the bundle; absolute paths are for %s", AnnotationReport, quote(given[AnnotationReport]), DefaultsFile)
	}
	return checkValues(annotations)
}

// checkValues checks the values of annotations of containers wherever they come from.
func checkValues(annotations map[string]string) error {
	switch v, ok := annotations[AnnotationOnConflict]; {
	case v == "order":
		return fmt.Errorf("annotation %s: a container is not run again, so that conflicts are not ordered; %s or %s", AnnotationOnConflict, ConflictTaint, ConflictFail)
	case ok && v != ConflictTaint && v != ConflictFail:
		return fmt.Errorf("annotation %s: %s is neither %s nor %s", AnnotationOnConflict, quote(v), ConflictTaint, ConflictFail)
	}
	if m, ok := annotations[AnnotationCache]; ok && !slices.Contains(cacheModes, m) {
		return fmt.Errorf("annotation %s: %s is none of %s", AnnotationCache, quote(m), strings.Join(cacheModes, ", "))
	}
	name, ok := annotations[AnnotationReport]
	switch {
	case !ok:
		return nil
	case name == "":
		return fmt.Errorf("annotation %s: %w", AnnotationReport, errors.New("no path"))
	case strings.ContainsRune(name, 0), strings.HasPrefix(path.Clean(name)+"/", "../"), path.Clean(name) == ".":
		return fmt.Errorf("annotation %s: %s is not below the bundle", AnnotationReport, quote(name))
	}
	return nil
}

// ReportPath is where the report of a container goes, "" if nowhere: the path of AnnotationReport, which is below the
// bundle's directory unless it is absolute. One that ends with a slash is a directory, where the report is called
// like the container, ID.json.
func ReportPath(annotations map[string]string, id string) string {
	name := annotations[AnnotationReport]
	if strings.HasSuffix(name, "/") {
		name += id + ".json"
	}
	return name
}
