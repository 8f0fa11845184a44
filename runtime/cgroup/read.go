package cgroup

import (
	"bytes"
	"math"
	"os"
	"strconv"
	"strings"
)

// readUint reads a file with a number. "max" is the greatest one.
func readUint(name string) (uint64, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return 0, err
	}
	return parseUint(strings.TrimSpace(string(text)))
}

func parseUint(s string) (uint64, error) {
	if s == "max" {
		return math.MaxUint64, nil
	}
	if strings.HasPrefix(s, "-") { // some counters were signed
		if _, err := strconv.ParseInt(s, 10, 64); err == nil {
			return 0, nil
		}
	}
	return strconv.ParseUint(s, 10, 64)
}

// flat reads lines of a name and a number. What is not so is left out.
func flat(text []byte) map[string]uint64 {
	out := make(map[string]uint64)
	for line := range bytes.Lines(text) {
		name, value, ok := strings.Cut(strings.TrimSpace(string(line)), " ")
		if n, err := parseUint(value); ok && err == nil {
			out[name] = n
		}
	}
	return out
}

// readFlat is flat of a file; a file that can't be read has nothing.
func readFlat(name string) map[string]uint64 {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil
	}
	return flat(text)
}
