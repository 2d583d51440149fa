//go:build race

package dnsplan_test

const raceEnabled = true
