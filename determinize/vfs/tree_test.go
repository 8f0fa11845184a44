package vfs

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// flat is a tree as a map, in which renaming moves one path after the other.
type flat map[string]*Inode

func (f flat) take(path string) flat {
	out := flat{}
	for p, n := range f {
		if Within(p, path) {
			out[strings.TrimPrefix(p, path)] = n
			delete(f, p)
		}
	}
	return out
}

func (f flat) give(path string, sub flat) {
	for p, n := range sub {
		f[path+p] = n
	}
}

// all lists the tree.
func (n *node) all(path string, out flat) flat {
	if n.inode != nil {
		out[path] = n.inode
	}
	for name, kid := range n.kids {
		kid.all(path+"/"+name, out)
	}
	return out
}

// hollow tells whether a node is kept for nothing.
func (n *node) hollow() bool {
	for _, kid := range n.kids {
		if kid.empty() || kid.hollow() {
			return true
		}
	}
	return false
}

func TestTree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var tr tree
		model := flat{}
		component := rapid.SampledFrom([]string{"a", "b", "c", "d\n", "\xff"})
		path := rapid.Custom(func(t *rapid.T) string {
			return "/" + strings.Join(rapid.SliceOfN(component, 1, 4).Draw(t, "components"), "/")
		})
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			p, q := path.Draw(t, "path"), path.Draw(t, "other")
			apart := !Within(p, q) && !Within(q, p) // as the kernel demands of renames
			switch rapid.IntRange(0, 3).Draw(t, "do") {
			case 0:
				n := &Inode{Ino: uint64(len(model)) + 1}
				tr.put(p, n)
				model[p] = n
			case 1:
				tr.remove(p)
				model.take(p)
			case 2:
				if !apart && p != q {
					continue
				}
				tr.rename(p, q)
				sub := model.take(p)
				model.take(q)
				model.give(q, sub)
			case 3:
				if !apart {
					continue
				}
				tr.exchange(p, q)
				x, y := model.take(p), model.take(q)
				model.give(q, x)
				model.give(p, y)
			}
			if got := tr.root.all("", flat{}); !cmp.Equal(got, model, cmp.Comparer(func(a, b *Inode) bool { return a == b })) {
				t.Fatalf("tree %v, want %v", got, model)
			}
			if tr.get(p) != model[p] || tr.get(q) != model[q] {
				t.Fatal("get finds something else")
			}
			if tr.root.hollow() {
				t.Fatal("nodes are left that lead nowhere")
			}
		}
	})
}
