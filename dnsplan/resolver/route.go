package resolver

import (
	"errors"
	"syscall"
)

// routable drops the addresses that this machine has no route to, such as
// every IPv6 address where there is no IPv6, as long as the same server
// answered under another address. That is our lack, not the server's.
func routable[T any](views []T, of func(T) (Server, error)) []T {
	reached := make(map[string]bool)
	for _, v := range views {
		if s, err := of(v); err == nil {
			reached[s.Name] = true
		}
	}
	kept := make([]T, 0, len(views))
	for _, v := range views {
		if s, err := of(v); !reached[s.Name] || !unroutable(err) {
			kept = append(kept, v)
		}
	}
	return kept
}

func unroutable(err error) bool {
	return errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT)
}
