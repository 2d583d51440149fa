package config

import "testing"

func TestMountType(t *testing.T) {
	t.Parallel()
	if got := mountType("/proc"); got != "proc" {
		t.Errorf("mountType(/proc) = %q, want proc", got)
	}
	if got := network(t.TempDir()); got != "" {
		t.Errorf("the temporary directory is on %s", got)
	}
}

func TestWithin(t *testing.T) {
	t.Parallel()
	tests := []struct {
		path, point string
		want        bool
	}{
		{"/home/anna", "/", true},
		{"/home/anna", "/home", true},
		{"/home/anna", "/home/anna", true},
		{"/home/annabel", "/home/anna", false},
	}
	for _, tt := range tests {
		if got := within(tt.path, tt.point); got != tt.want {
			t.Errorf("within(%q, %q) = %v, want %v", tt.path, tt.point, got, tt.want)
		}
	}
}
