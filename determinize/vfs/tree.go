package vfs

import "strings"

// tree maps canonical absolute paths to inodes, such that a directory is
// renamed with all that lies below it at once. The zero tree is empty.
type tree struct{ root node }

type node struct {
	inode *Inode // nil: only on the way to others
	kids  map[string]*node
}

// empty tells whether a node means nothing.
func (n *node) empty() bool { return n.inode == nil && len(n.kids) == 0 }

// next cuts the first component off a path. rest is empty after the last one.
func next(path string) (first, rest string) {
	path = strings.TrimLeft(path, "/")
	if i := strings.IndexByte(path, '/'); i >= 0 {
		return path[:i], path[i+1:]
	}
	return path, ""
}

// find returns the node of a path, or nil.
func (t *tree) find(path string) *node {
	n := &t.root
	for path != "" && n != nil {
		var first string
		if first, path = next(path); first != "" {
			n = n.kids[first]
		}
	}
	return n
}

func (t *tree) get(path string) *Inode {
	if n := t.find(path); n != nil {
		return n.inode
	}
	return nil
}

func (t *tree) put(path string, inode *Inode) {
	n := &t.root
	for path != "" {
		var first string
		if first, path = next(path); first == "" {
			break
		}
		kid := n.kids[first]
		if kid == nil {
			kid = &node{}
			if n.kids == nil {
				n.kids = make(map[string]*node)
			}
			n.kids[first] = kid
		}
		n = kid
	}
	n.inode = inode
}

// remove takes a path out, with all that lies below it, and returns it.
func (t *tree) remove(path string) *node { return t.root.remove(path) }

func (n *node) remove(path string) *node {
	first, rest := next(path)
	kid := n.kids[first]
	if kid == nil {
		return nil
	}
	gone := kid
	if rest != "" {
		gone = kid.remove(rest)
	}
	if rest == "" || kid.empty() {
		delete(n.kids, first)
	}
	return gone
}

// graft puts what remove returned at a path where nothing is.
func (t *tree) graft(path string, n *node) {
	if n == nil {
		return
	}
	t.put(path, n.inode)
	t.find(path).kids = n.kids
}

func (t *tree) rename(from, to string) {
	n := t.remove(from)
	t.remove(to)
	t.graft(to, n)
}

func (t *tree) exchange(a, b string) {
	x, y := t.remove(a), t.remove(b)
	t.graft(b, x)
	t.graft(a, y)
}
