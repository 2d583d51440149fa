package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"slices"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/export"
	"github.com/mxmove/mxmove/dnsplan/publish"
	"github.com/mxmove/mxmove/dnsplan/resolver"
	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/migrate"
	"github.com/mxmove/mxmove/migrate/config"
	"github.com/mxmove/mxmove/migrate/probe"
	"github.com/mxmove/mxmove/migrate/state"
)

// The exit codes that scripts rely on.
const (
	exitDone        = 0
	exitUnexpected  = 1
	exitUsage       = 2
	exitPerson      = 3
	exitGate        = 4
	exitTemporary   = 5
	exitLogin       = 6
	exitLocked      = 7
	exitLimit       = 8
	exitPending     = 9
	exitInterrupted = 130
)

// precedence says which code wins when several things have happened.
var precedence = []int{
	exitInterrupted, exitUsage, exitLocked, exitUnexpected, exitLogin, exitGate,
	exitTemporary, exitLimit, exitPending, exitPerson,
}

// errInterrupted is the cause of a context that Ctrl-C has ended.
var errInterrupted = errors.New("interrupted; everything is safe, and the same command goes on")

// errPending says that plan --exit-code found changes to make.
var errPending = errors.New("changes are pending")

// A usageError is a command line that makes no sense.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// exitCode maps an error, and all that are joined in it, to the one code.
func exitCode(err error) int {
	if err == nil {
		return exitDone
	}
	codes := codesOf(err)
	for _, code := range precedence {
		if slices.Contains(codes, code) {
			return code
		}
	}
	return exitUnexpected
}

// codesOf walks the tree of an error: what a node does not say, its causes do.
func codesOf(err error) []int {
	if code := classify(err); code != 0 {
		return []int{code}
	}
	var codes []int
	switch e := err.(type) {
	case *migrate.GateError:
		for _, r := range e.Refused() {
			code := r.Exit
			if code == 0 {
				code = exitGate
			}
			codes = append(codes, code)
		}
	case interface{ Unwrap() []error }:
		for _, cause := range e.Unwrap() {
			codes = append(codes, codesOf(cause)...)
		}
	case interface{ Unwrap() error }:
		if cause := e.Unwrap(); cause != nil {
			codes = codesOf(cause)
		}
	}
	if len(codes) == 0 {
		return []int{exitUnexpected}
	}
	return codes
}

// classify is the one switch from an error to its code; 0 is not known here.
func classify(err error) int {
	switch e := err.(type) {
	case *usageError, *config.Error:
		return exitUsage
	case *state.LockedError, *mailbox.RivalError:
		return exitLocked
	case *migrate.PhaseError, *publish.StaleError:
		return exitGate
	case *mailbox.AllowanceError:
		return exitLimit
	case *migrate.LaterError:
		return exitTemporary
	case *migrate.PersonError:
		return exitPerson
	case *probe.ReplyError:
		switch {
		case errors.Is(e, probe.ErrLogin):
			return exitLogin
		case errors.Is(e, probe.ErrTemporary):
			return exitTemporary
		}
		return exitPerson
	}
	for _, known := range []struct {
		err  error
		code int
	}{
		{errInterrupted, exitInterrupted}, {context.Canceled, exitInterrupted}, {mailbox.ErrStopped, exitInterrupted},
		{errPending, exitPending},
		{state.ErrNewer, exitUsage}, {dnsplan.ErrVersion, exitUsage}, {migrate.ErrNoPublisher, exitUsage}, {resolver.ErrNoZone, exitUsage},
		{export.ErrFormat, exitUsage}, {export.ErrCoverage, exitUsage}, {export.ErrInexpressible, exitUsage},
		{migrate.ErrClosed, exitGate}, {migrate.ErrNotConfirmed, exitGate},
		{publish.ErrRefused, exitLogin}, {resolver.ErrDenied, exitLogin},
		{publish.ErrUnavailable, exitTemporary}, {resolver.ErrNoAnswer, exitTemporary}, {context.DeadlineExceeded, exitTemporary},
		{mailbox.ErrLimit, exitLimit},
	} {
		if err == known.err {
			return known.code
		}
	}
	if joins(err) {
		return 0 // each cause is classified by itself
	}
	if _, ok := errors.AsType[*probe.ListenError](err); ok {
		if errors.Is(err, fs.ErrPermission) {
			return exitLogin
		}
		return exitUsage
	}
	return imapCode(err)
}

// joins reports whether several errors were joined somewhere below err. Two
// causes in one sentence are one error.
func joins(err error) bool {
	switch e := err.(type) {
	case interface{ Unwrap() []error }:
		return reflect.TypeOf(err) == reflect.TypeOf(errors.Join(errPending)) || slices.ContainsFunc(e.Unwrap(), joins)
	case interface{ Unwrap() error }:
		return joins(e.Unwrap())
	}
	return false
}

// imapCode asks the one place that knows errors of mail servers, for errors
// that come from there.
func imapCode(err error) int {
	switch imapconn.Class(err) {
	case imapconn.ClassLogin, imapconn.ClassPermission, imapconn.ClassUnusable:
		return exitLogin
	case imapconn.ClassTemporary:
		return exitTemporary
	case imapconn.ClassTLS:
		return exitUsage
	case imapconn.ClassQuota:
		return exitPerson
	case imapconn.ClassCancelled:
		return exitInterrupted
	}
	return 0
}
