package determinize

import "testing"

// TestCrowd checks what counts as going on at the same time.
func TestCrowd(t *testing.T) {
	goesOn := due{known: true, turn: turn{act: func() {}}}
	for _, c := range []struct {
		what  string
		other task
		want  crowd
	}{
		{"another one runs", task{process: &process{}, state: stateRunning}, crowd{1, 1, 1, 0}},
		{"another one could", task{process: &process{}, state: stateReady}, crowd{1, 1, 0, 0}},
		{"another one waits for its turn", task{process: &process{}, state: stateOrdered}, crowd{1, 1, 0, 0}},
		{"what another one waits for has happened", task{process: &process{}, state: stateBlocked, due: goesOn}, crowd{1, 1, 0, 0}},
		{"another one waits", task{process: &process{}, state: stateBlocked, due: due{known: true}}, crowd{1, 0, 0, 0}},
		{"another one is dead", task{process: &process{}, state: stateDead}, crowd{1, 0, 0, 0}},
	} {
		var got crowd
		self := &task{process: &process{}, state: stateRunning}
		if got.count(self, []*task{self, &c.other}); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.what, got, c.want)
		}
	}
}
