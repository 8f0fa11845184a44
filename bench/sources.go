package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A tarball is the upstream source of a Debian package. The cache is that of the
// integration tests.
type tarball struct {
	source string // package
	file   string
	sha256 string // in hexadecimal
}

var (
	hello = tarball{"hello", "hello_2.10.orig.tar.gz", "31e066137a962676e89f69d1b65382de95a7ef7d914b8cb956f41ea72e0f516b"}
	lua   = tarball{"lua5.4", "lua5.4_5.4.4.orig.tar.gz", "164c7849653b80ae67bec4b7473b884bf5cc8d2dca05653475ec2ed27b9ebf61"}
)

// sourceList is the only place that packages come from.
const sourceList = "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bookworm main\n"

// unpack unpacks the tarball into dir, without the directory that all its names
// begin with.
func (t tarball) unpack(dir string) error {
	file, err := t.fetch()
	if err != nil {
		return fmt.Errorf("%s can't be had: %w", t.file, err)
	}
	return command(dir, "tar", "--extract", "--gzip", "--no-same-owner", "--strip-components=1", "--file", file)
}

// fetch returns the path of the tarball, which apt-get downloads where it is not in the
// cache, with lists of its own and no privilege.
func (t tarball) fetch() (string, error) {
	cache := os.Getenv("LAPLACE_CACHE")
	if cache == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("set LAPLACE_CACHE: %w", err)
		}
		cache = filepath.Join(dir, "laplace-integration", "sources")
	}
	path := filepath.Join(cache, t.file)
	if t.check(path) == nil {
		return path, nil
	}
	apt := filepath.Join(cache, "apt")
	for _, dir := range []string{"lists/partial", "archives/partial"} {
		if err := os.MkdirAll(filepath.Join(apt, dir), 0o755); err != nil {
			return "", err
		}
	}
	list := filepath.Join(apt, "sources.list")
	if err := os.WriteFile(list, []byte(sourceList), 0o644); err != nil {
		return "", err
	}
	options := []string{
		"-q", "-o", "Dir::Etc::sourcelist=" + list, "-o", "Dir::Etc::sourceparts=-",
		"-o", "Dir::State::lists=" + filepath.Join(apt, "lists"), "-o", "Dir::Cache=" + apt,
		"-o", "APT::Sandbox::User=",
	}
	for _, args := range [][]string{{"update"}, {"source", "--download-only", t.source}} {
		if err := command(cache, "apt-get", append(options, args...)...); err != nil {
			return "", err
		}
	}
	return path, t.check(path)
}

// check fails unless the file is the tarball.
func (t tarball) check(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if sum := fmt.Sprintf("%x", sha256.Sum256(b)); sum != t.sha256 {
		return fmt.Errorf("%s: SHA-256 %s, want %s", path, sum, t.sha256)
	}
	return nil
}

// command runs a program in a directory; its output is for the error.
func command(dir, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, lastLine(out))
	}
	return nil
}
