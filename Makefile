# Build, test and install Laplace. `make` alone builds ./laplace.

PREFIX  ?= /usr/local
DESTDIR ?=
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

# The binary is static: it starts itself inside boxes, where the host's libraries need not be.
export CGO_ENABLED = 0

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

PACKAGES := ./... ./.ci/summary
TEST     := go run ./.ci/summary -count=1 -timeout=45m
REAL     := ^TestReal
OCI      := ^TestOCI

.PHONY: build test test-real test-oci bench lint install uninstall clean

build:
	go build -trimpath -ldflags '-s -w -X laplace.dev/laplace/cli.release=$(VERSION)' -o laplace .

# All tests but those of test-real and test-oci.
test:
	.ci/setup
	$(TEST) -skip '$(REAL)|$(OCI)' $(PACKAGES)

# The real programs: coreutils, gcc, make, git, python3, ...; and packages from a Debian
# mirror, built with -j1, -j4 and -j8, and again after edits: hello, lua, zlib, bzip2, sqlite,
# xz, gzip, json-c, lsof, unzip, a wheel and a Debian package.
test-real:
	.ci/setup
	LAPLACE_REAL=1 $(TEST) -run '$(REAL)' ./integration

# The commands of an OCI runtime, as root, with Debian's runc beside them.
test-oci:
	.ci/setup
	$(TEST) -run '$(OCI)' ./integration

# Wall time side by side with native runs: make bench BENCH='-run gcc -runs 21'.
bench: build
	go run ./bench $(BENCH)

lint:
	go vet $(PACKAGES)
	if command -v golangci-lint >/dev/null; then golangci-lint run; fi

# The program, its manual pages, and what shells complete its commands by. sudo may not find Go:
# then what `make` has built is installed.
install:
	if command -v go >/dev/null; then $(MAKE) build; elif ! test -x laplace; then echo 'run make first: there is no Go here' >&2; exit 1; fi
	install -D -m 755 laplace '$(DESTDIR)$(PREFIX)/bin/laplace'
	./laplace man '$(DESTDIR)$(PREFIX)/share/man/man1'
	install -d '$(DESTDIR)$(PREFIX)/share/bash-completion/completions' '$(DESTDIR)$(PREFIX)/share/zsh/site-functions' '$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d'
	./laplace completion bash > '$(DESTDIR)$(PREFIX)/share/bash-completion/completions/laplace'
	./laplace completion zsh > '$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_laplace'
	./laplace completion fish > '$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/laplace.fish'

uninstall:
	rm -f '$(DESTDIR)$(PREFIX)/bin/laplace' '$(DESTDIR)$(PREFIX)'/share/man/man1/laplace*.1 \
		'$(DESTDIR)$(PREFIX)/share/bash-completion/completions/laplace' '$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_laplace' \
		'$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/laplace.fish'

clean:
	rm -f laplace
