package determinize

import "testing"

func TestVDSOData(t *testing.T) {
	const (
		vvar   = "7ffff7fc2000-7ffff7fc6000 r--p 00000000 00:00 0                          [vvar]\n"
		vclock = "7ffff7fc6000-7ffff7fc8000 r--p 00000000 00:00 0                          [vvar_vclock]\n"
		image  = "7ffff7fc8000-7ffff7fca000 r-xp 00000000 00:00 0                          [vdso]\n"
		file   = "7ffff7fca000-7ffff7fcb000 r--p 00000000 fe:00 325835                     /a file [vvar]\n"
		anon   = "7ffff7fc0000-7ffff7fc2000 rw-p 00000000 00:00 0 \n"
	)
	for _, tt := range []struct {
		name, maps string
		base       uint64
		want       uint64 // 0: not found
	}{
		{"two", anon + vvar + vclock + image + file, 0x7ffff7fc8000, 0x6000},
		{"one", anon + vvar + image, 0x7ffff7fc6000, 0x4000},
		{"none", anon + image + file, 0x7ffff7fc8000, 0},
		{"gap before the image", vvar + image, 0x7ffff7fc8000, 0},
		{"gap between", "7ffff7fbe000-7ffff7fc1000 r--p 00000000 00:00 0 [vvar]\n" + vclock, 0x7ffff7fc8000, 0},
		{"behind the image", vclock, 0x7ffff7fc4000, 0},
		{"huge", "7ff000000000-7ffff7fc8000 r--p 00000000 00:00 0 [vvar]\n", 0x7ffff7fc8000, 0},
		{"no range", "7ffff7fc6000 r--p 00000000 00:00 0 [vvar]\n", 0x7ffff7fc6000, 0},
		{"empty", "", 0, 0},
	} {
		got, ok := vdsoData([]byte(tt.maps), tt.base)
		if ok != (tt.want != 0) || ok && got != tt.want {
			t.Errorf("%s: %#x, %v", tt.name, got, ok)
		}
	}
}
