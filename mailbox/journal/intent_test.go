package journal

import (
	"reflect"
	"testing"
	"time"
)

func FuzzUnpack(f *testing.F) {
	f.Add(pack([]Message{{UID: 7, Size: 100, Date: time.Unix(99, 0), Header: [32]byte{1}}, {UID: 8}}))
	f.Add("1 1 - 00\n")
	f.Add("9999999999999 -1 2026-01-01T00:00:00Z zz")
	f.Fuzz(func(t *testing.T, s string) {
		ms, err := unpack(s)
		if err != nil {
			return
		}
		again, err := unpack(pack(ms))
		if err != nil || !reflect.DeepEqual(again, ms) {
			t.Errorf("unpack(pack(%v)) = %v, %v", ms, again, err)
		}
	})
}
