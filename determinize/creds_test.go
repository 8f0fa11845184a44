package determinize

import (
	"os"
	"testing"
)

func TestParseCreds(t *testing.T) {
	c, ok := parseCreds([]byte("Name:\tUid:\t7\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nGroups:\t9 256 \nNoNewPrivs:\t0\nCapEff:\t00000000a80425fb\n"))
	want := creds{1, 2, 3, 4, 5, 6, 7, 8, "\x09\x00\x00\x00\x00\x01\x00\x00", 0xa80425fb}
	if !ok || c != want {
		t.Errorf("%+v, %v", c, ok)
	}
	for _, text := range []string{"", "Uid:\t1\t2\t3\nGid:\t5\t6\t7\t8\nGroups:\nCapEff:\t0\n", "Uid:\t1\t2\t3\t4\nGid:\t5\t6\t7\tx\nGroups:\nCapEff:\t0\n",
		"Uid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nGroups: -1\nCapEff:\t0\n", "Uid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nGroups:\nCapEff:\tg\n"} {
		if c, ok := parseCreds([]byte(text)); ok {
			t.Errorf("%q is %+v", text, c)
		}
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	if c, ok := parseCreds(status); !ok || int(c.euid) != os.Geteuid() || int(c.egid) != os.Getegid() {
		t.Errorf("of this process: %+v, %v", c, ok)
	}
}
