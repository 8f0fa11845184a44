package integration

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// platforms are the types of sections that are for others than Linux.
var platforms = []string{"Windows", "Solaris", "VM", "ZOS", "FreeBSD"}

// unlike adds the fields, such as LinuxMemory.limit, in which two values of a type differ, as JSON has them, to
// found; with all also those in which they do not. With words, which are not empty, it adds only those that they
// name, and what is in those.
func unlike(typ reflect.Type, a, b any, all bool, words string, found map[string]bool) {
	switch typ.Kind() {
	case reflect.Pointer:
		unlike(typ.Elem(), a, b, all, words, found)
	case reflect.Slice, reflect.Map:
		if all {
			unlike(typ.Elem(), nil, nil, true, words, found)
			return
		}
		for _, x := range elements(b) {
			if !slices.ContainsFunc(elements(a), func(y any) bool { return reflect.DeepEqual(x, y) }) {
				unlike(typ.Elem(), nil, x, false, words, found)
			}
		}
	case reflect.Struct:
		if slices.Contains(platforms, typ.Name()) {
			return
		}
		before, _ := a.(map[string]any)
		after, _ := b.(map[string]any)
		for _, field := range reflect.VisibleFields(typ) {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if name == "" || !all && reflect.DeepEqual(before[name], after[name]) {
				continue
			}
			of := words
			if strings.Contains(words, name) {
				of = ""
			}
			if of == "" {
				found[typ.Name()+"."+name] = true
			}
			unlike(field.Type, before[name], after[name], all, of, found)
		}
	}
}

// elements are those of an array, or of an object that is a map.
func elements(x any) (list []any) {
	switch x := x.(type) {
	case []any:
		return x
	case map[string]any:
		for _, value := range x {
			list = append(list, value)
		}
	}
	return list
}

// TestOCIFieldsAll has every field of the specification be in a case of TestOCIFields, or in uncased, with where
// it is tested or why it is not.
func TestOCIFieldsAll(t *testing.T) {
	generic := func(s *specs.Spec) (doc any) {
		text, err := json.Marshal(s)
		if err == nil {
			err = json.Unmarshal(text, &doc)
		}
		if err != nil {
			t.Fatal(err)
		}
		return doc
	}
	b := newBundle(t)
	base := generic(&b.spec)
	cased := map[string]bool{}
	for _, test := range slices.Concat(fields, moreFields) {
		if test.set == nil {
			continue
		}
		var s specs.Spec
		text, err := json.Marshal(base)
		if err == nil {
			err = json.Unmarshal(text, &s)
		}
		if err != nil {
			t.Fatal(err)
		}
		test.set(&s)
		unlike(reflect.TypeFor[specs.Spec](), base, generic(&s), false, test.refused, cased)
	}
	all := map[string]bool{}
	unlike(reflect.TypeFor[specs.Spec](), nil, nil, true, "", all)
	for name := range all {
		if why := uncased[name]; cased[name] == (why != "") {
			t.Errorf("%s: in a case: %v; why not: %q", name, cased[name], why)
		}
	}
	for name := range uncased {
		if !all[name] {
			t.Errorf("%s: no field", name)
		}
	}
}

// uncased says of fields why they are in no case.
var uncased = map[string]string{
	"Scheduler.priority":      "SCHED_FIFO wants a budget of the control group, which is set when all else is done, where the kernel has such budgets; validation is tested in oci",
	"Process.execCPUAffinity": "TestOCIExecAffinity",
	"CPUAffinity.initial":     "TestOCIExecAffinity",
	"CPUAffinity.final":       "TestOCIExecAffinity",
	"Linux.readonlyPaths":     "the case readonlyPaths is of those that every configuration has",
}
