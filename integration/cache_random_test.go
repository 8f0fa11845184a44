package integration

import (
	"math/rand"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A script of a few commands on a few files is run again and again, with an edit in between, in a
// project with a cache and in another one without. All that comes of it must be the same.

// randomNames are the files of a random script.
var randomNames = []string{"a", "b", "c", "d/a", "d/b", "e", "e/a"}

// randomCommands are what it is made of: X, Y and Z stand for files.
var randomCommands = []string{
	"cat X > Y", "cat X Y >> Z", "cp X Y", "cp -p X Y", "mv X Y", "rm -f X", "rm -rf X", "mkdir -p X", "ln -sf X Y", "ln -f X Y", "touch X", "touch -d 2001-01-01 X",
	"sort X -o X", "sed -i s/1/2/ X", "ls > Y", "ls d; ls e", "test -e X && echo y > Y", "[ X -nt Y ] && cat X > Y", "chmod 600 X", "chmod u+w X",
	"(cat X; echo e >&2) > Y 2>&1", "sh -c 'cat X > Y; cat Y X > Z'", "cat X | tr 1-5 a-e > Y", "wc -c X Y | sort", "find . | sort > Y", "v=$(cat X); echo \"$v$$\" > Y",
	"date +%N >> X", "exec 5>> X; echo hi >&5; sh -c 'echo there >&5'; exec 5>&-", "truncate -s 5000 X", "(cat X > Y) & (cat Z) & wait", "stat -c '%n %Y %s %a' X Y", "readlink X",
	"mv d f; mv f d", "mktemp -p .", "cat X; false", "sleep 0.5; touch Y", "(cat X; sh -c 'cat Y') > Z", "tar cf t.tar X; tar tvf t.tar", "cmp X Y", "make -f /aside/make Y",
	"kill -TERM $(sh -c 'echo $PPID')", "while read l; do echo $l; done < X > Y", "head -1 X; head -c5 /dev/urandom | od -An -tx1 > Y", "umask 077; echo > X; umask 022", "rmdir X", "ln X Y; rm X",
	"python3 -IS -c 'import os,threading as t; a=[t.Thread(target=os.system,args=(c,)) for c in (\"cat X > Y\", \"sh -c \\\"cat Z; cat X\\\" > Z.t\")]; [x.start() for x in a]; [x.join() for x in a]'",
	"ls /proc | wc -w; cat X & ls /proc | wc -w; wait",
}

// randomMake is a makefile for some of them.
const randomMake = "a: b\n\tcat b > a\nb: c\n\tcp c b\nc:\n\techo c > c\nd/a: a b\n\tmkdir -p d; cat a b > d/a\ne: d/a\n\tcp d/a e\nd/b e/a:\n\techo $@\n"

func randomScript(r *rand.Rand) string {
	name := func() string { return randomNames[r.Intn(len(randomNames))] }
	var lines []string
	for range 2 + r.Intn(6) {
		line := randomCommands[r.Intn(len(randomCommands))]
		if strings.HasPrefix(line, "kill") && r.Intn(4) > 0 {
			continue
		}
		lines = append(lines, strings.NewReplacer("X", name(), "Y", name(), "Z", name()).Replace(line))
	}
	return strings.Join(lines, "\n")
}

func randomEdit(r *rand.Rand) string {
	edits := []string{"echo N > X", "rm -rf X", "touch X", "mkdir -p X", "chmod 700 X", "ln -sfn b X", "rm -rf *", "echo 1 > X"}
	return strings.NewReplacer("X", randomNames[r.Intn(len(randomNames))], "N", strconv.Itoa(r.Intn(3))).Replace(edits[r.Intn(len(edits))])
}

// TestCacheRandom runs random scripts, and edits what they work on, with and without a cache.
func TestCacheRandom(t *testing.T) {
	t.Parallel()
	sequences, first := 12, int64(1)
	if n, err := strconv.Atoi(os.Getenv("LAPLACE_CACHE_SEQUENCES")); err == nil {
		sequences = n
	}
	if n, err := strconv.ParseInt(os.Getenv("LAPLACE_CACHE_SEED"), 10, 64); err == nil {
		first = n
	}
	skipped := make(chan uint64, sequences)
	t.Run("sequence", func(t *testing.T) {
		for i := range sequences {
			seed := first + int64(i)
			t.Run(strconv.FormatInt(seed, 10), func(t *testing.T) {
				t.Parallel()
				skipped <- randomSequence(t, seed)
			})
		}
	})
	close(skipped)
	var all, ran uint64
	for n := range skipped {
		all, ran = all+n, ran+1
	}
	if all < ran {
		t.Errorf("only %d programs were skipped", all)
	}
}

// randomSequence returns how many programs were skipped.
func randomSequence(t *testing.T, seed int64) (skipped uint64) {
	r := rand.New(rand.NewSource(seed))
	scripts := []string{randomScript(r), randomScript(r)}
	const setup = "echo 1 > a; echo 2 > b; echo 3 > c; mkdir -p d e; echo 4 > d/a; echo 5 > e/a"
	var worlds [2]*cached
	for i := range worlds {
		worlds[i] = newCached(t, "")
		if err := os.WriteFile(worlds[i].aside+"/make", []byte(randomMake), 0o644); err != nil {
			t.Fatal(err)
		}
		worlds[i].do(nil, nil, "sh", "-c", setup)
	}
	with, without := worlds[0], worlds[1]
	history := []string{}
	for range 5 {
		edit := "true"
		if r.Intn(3) == 0 {
			edit = "rm -rf *; sleep 0.01" // the starting state once more
		} else if r.Intn(2) == 0 {
			edit = randomEdit(r)
		}
		script := "set +e\n" + strings.ReplaceAll(scripts[r.Intn(len(scripts))], "/aside/make", "$ASIDE/make")
		history = append(history, "edit: "+edit, "run: "+script)
		var results [2]ran
		for i, c := range worlds {
			_ = os.MkdirAll(c.project+"/d", 0o755)
			c.native(edit + " || true")
			if strings.HasPrefix(edit, "rm -rf *; sleep") {
				c.do(nil, nil, "sh", "-c", setup)
			}
			flags := []string{"--keep", "--env", "ASIDE=" + c.aside}
			if c == with {
				flags = append(flags, "--cache")
			}
			results[i] = c.do(nil, flags, "sh", "-c", script)
		}
		skipped += results[0].Report.Execs.Skipped
		mask := strings.NewReplacer(with.aside, "/aside", without.aside, "/aside")
		explained := with.explain
		d := cmp.Diff(mask.Replace(results[1].same()), mask.Replace(results[0].same()))
		if d != "" {
			text := with.explain()
			explained = func() string { return text }
		}
		const list = "find . -printf '%p %y %m %s %n %i %T@ %l\\n' | sort"
		a, b := with.do(nil, []string{"--no-commit"}, "sh", "-c", list), without.do(nil, []string{"--no-commit"}, "sh", "-c", list)
		if d += cmp.Diff(b.Stdout, a.Stdout); d != "" {
			t.Fatalf("seed %d: with the cache it is another result:\n%s\n%s\n%s", seed, strings.Join(history, "\n"), d, explained())
		}
	}
	return skipped
}
