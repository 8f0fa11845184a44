package runtime

// Writers say which program, a path in the box, wrote what a box has left.
type Writers struct {
	// Files are the programs that wrote last to changed files, by path in the box.
	Files map[string]string
	// Streams are the pieces of stdout and stderr.
	Streams [2][]Piece
}

// A Piece is what one program wrote to a stream, without another one in between.
type Piece struct {
	End     int64 // offset at which it ends
	Program string
}

// maxPieces bounds what is remembered of a stream; the last piece stands for the rest.
const maxPieces = 100_000

// At returns who wrote the byte at an offset of stdout (1) or stderr (2).
func (w *Writers) At(stream int, offset int64) string {
	if w == nil {
		return ""
	}
	for _, p := range w.Streams[stream-1] {
		if offset < p.End {
			return p.Program
		}
	}
	return ""
}

func (w *Writers) streamed(stream int, program string, n int) {
	pieces := &w.Streams[stream-1]
	end := int64(n)
	last := len(*pieces) - 1
	if last >= 0 {
		end += (*pieces)[last].End
	}
	if last >= 0 && ((*pieces)[last].Program == program || last+1 == maxPieces) {
		(*pieces)[last].End = end
		return
	}
	*pieces = append(*pieces, Piece{End: end, Program: program})
}

func (w *Writers) wrote(path, program string) {
	if w != nil && program != "" {
		w.Files[path] = program
	}
}
