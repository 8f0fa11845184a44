// Package sources has the upstream sources that tests and benchmarks build: tarballs of
// Debian source packages of one release, by their digests.
package sources

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// CacheVariable is the environment variable that names the directory in which tarballs
// are kept; without it that is laplace-integration/sources in the user's cache directory.
const CacheVariable = "LAPLACE_CACHE"

// A Source is an upstream tarball of a Debian source package.
type Source struct {
	Package string // source package
	Tarball string // its upstream tarball
	SHA256  string // digest of that, in hexadecimal
}

// The sources.
var (
	Hello = Source{"hello", "hello_2.10.orig.tar.gz", "31e066137a962676e89f69d1b65382de95a7ef7d914b8cb956f41ea72e0f516b"}
	Lua   = Source{"lua5.4", "lua5.4_5.4.4.orig.tar.gz", "164c7849653b80ae67bec4b7473b884bf5cc8d2dca05653475ec2ed27b9ebf61"}
	Zlib  = Source{"zlib", "zlib_1.2.13.dfsg.orig.tar.bz2", "71feb7947e3c00ef125f83b79a4e529bde31171e5babe48b391f06758d1ab0a1"}
	Bzip2 = Source{"bzip2", "bzip2_1.0.8.orig.tar.gz", "ab5a03176ee106d3f0fa90e381da478ddae405918153cca248e682cd0c4a2269"}
	// SQLite is not the amalgamation: building it needs tclsh.
	SQLite = Source{"sqlite3", "sqlite3_3.40.1.orig.tar.xz", "aaa776260ab4dc976db34aa7891819484c8676b5b2783123ebc6301e2ca5d655"}
	XZ     = Source{"xz-utils", "xz-utils_5.4.1.orig.tar.xz", "5d9827aa1875b21c288f78864bb26d2650b436ea8d2cad364e4921eb6266a5a5"}
	Gzip   = Source{"gzip", "gzip_1.12.orig.tar.xz", "ce5e03e519f637e1f814011ace35c4f87b33c0bbabeec35baf5fbd3479e91956"}
	JSONC  = Source{"json-c", "json-c_0.16.orig.tar.gz", "3ecaeedffd99a60b1262819f9e60d7d983844073abc74e495cb822b251904185"}
	Lsof   = Source{"lsof", "lsof_4.95.0.orig.tar.bz2", "e9faa0fbcc48638c1d1f143e93573ac43b65e76646150f83e24bd8c18786303c"}
	Unzip  = Source{"unzip", "unzip_6.0.orig.tar.gz", "036d96991646d0449ed0aa952e4fbe21b476ce994abc276e49d30e686708bd37"}
	// HelloDebian is the directory debian of the Debian package of Hello.
	HelloDebian = Source{"hello", "hello_2.10-3.debian.tar.xz", "60ee7a466808301fbaa7fea2490b5e7a6d86f598956fb3e79c71b3295dc1f249"}
)

// list is the only place that packages come from: one fixed release, so that every
// machine builds the same.
const list = "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bookworm main\n"

// fetching makes apt-get run once at a time: it locks its directories.
var fetching sync.Mutex

// Unpack unpacks the tarball into dir, which it makes where it is absent, without the
// directory that all the tarball's names begin with. It downloads the tarball first where
// it is not in the cache: apt-get does, with a configuration of its own, so that the
// machine's lists stay as they are and no privilege is needed.
func (s Source) Unpack(dir string) error {
	tarball, err := s.fetch()
	if err != nil {
		return fmt.Errorf("%s can't be had: %w", s.Tarball, err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return run(dir, "tar", "--extract", "--no-same-owner", "--no-same-permissions", "--strip-components=1", "--file", tarball)
}

// fetch returns the path of the tarball.
func (s Source) fetch() (string, error) {
	fetching.Lock()
	defer fetching.Unlock()
	cache := os.Getenv(CacheVariable)
	if cache == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("no place for sources, set %s: %w", CacheVariable, err)
		}
		cache = filepath.Join(dir, "laplace-integration", "sources")
	}
	path := filepath.Join(cache, s.Tarball)
	if s.check(path) == nil {
		return path, nil
	}
	apt := filepath.Join(cache, "apt")
	for _, dir := range []string{"lists/partial", "archives/partial"} {
		if err := os.MkdirAll(filepath.Join(apt, dir), 0o755); err != nil {
			return "", err
		}
	}
	places := filepath.Join(apt, "sources.list")
	if err := os.WriteFile(places, []byte(list), 0o644); err != nil {
		return "", err
	}
	options := []string{
		"-q", "-o", "Dir::Etc::sourcelist=" + places, "-o", "Dir::Etc::sourceparts=-",
		"-o", "Dir::State::lists=" + filepath.Join(apt, "lists"), "-o", "Dir::Cache=" + apt,
		"-o", "APT::Sandbox::User=", "-o", "Acquire::Retries=3",
	}
	for _, args := range [][]string{{"update"}, {"source", "--download-only", s.Package}} {
		if err := run(cache, "apt-get", append(options, args...)...); err != nil {
			return "", err
		}
	}
	return path, s.check(path)
}

// check fails unless the file at path is the tarball.
func (s Source) check(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if sum := fmt.Sprintf("%x", sha256.Sum256(data)); sum != s.SHA256 {
		return fmt.Errorf("%s: SHA-256 %s, want %s", path, sum, s.SHA256)
	}
	return nil
}

// run runs a program in a directory; its output is for the error.
func run(dir, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return nil
}
