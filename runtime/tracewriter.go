package runtime

import (
	"laplace.dev/laplace/determinize"
)

// traceWriter writes intercepted calls as text or JSON.
type traceWriter struct{ trace *Trace }

func newTraceWriter(t *Trace) *traceWriter { return &traceWriter{trace: t} }

func (w *traceWriter) event(determinize.Event) {}
