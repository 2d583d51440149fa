// Package spf reads, writes and merges SPF records (RFC 7208) for planning.
// It does not evaluate them: it counts what an evaluation would cost.
package spf
