// Package mtasts reads what a domain says about transport security: the
// MTA-STS record and policy (RFC 8461) and the TLS-RPT record (RFC 8460).
package mtasts
