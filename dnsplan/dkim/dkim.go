// Package dkim reads DKIM key records (RFC 6376, section 3.6.1) for
// comparison: is the key in the zone the one that the provider's console
// shows, and is it any good.
package dkim
