package publish

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/mxmove/mxmove/dnsplan/zone"
)

// An API holds what every publisher behind HTTP can be told. The zero value
// is right for everybody but a laboratory.
type API struct {
	// Base is the root of the API; empty: the vendor's. Clear text is spoken
	// to a loopback address only.
	Base    string
	Client  *http.Client                               // nil: a plain one
	Timeout time.Duration                              // of one request; 0: 30 s
	Sleep   func(context.Context, time.Duration) error // nil: the system's clock
	Log     *slog.Logger                               // nil: silent
}

const (
	maxBody    = 32 << 20         // of an answer
	maxPages   = 1000             // of a listing
	maxTries   = 4                // of one request
	maxPatient = 90 * time.Second // the longest pause that a vendor may ask for
)

// A rest is an API with the habits of one vendor.
type rest struct {
	API
	vendor  string
	root    string                             // where the vendor's API is
	sign    func(r *http.Request, body []byte) // adds the credentials
	secrets []string                           // never to be shown
}

// get reads, with further tries where the server is in trouble.
func (c rest) get(ctx context.Context, path string, into any) (http.Header, error) {
	return c.call(ctx, http.MethodGet, path, nil, into)
}

// call makes a request and reads the answer into a value. A write is repeated
// only after the vendor has said that it did nothing: whether a lost answer
// took effect is for the caller to find out.
func (c rest) call(ctx context.Context, method, path string, body, into any) (http.Header, error) {
	var data []byte
	if body != nil {
		var err error
		if data, err = json.Marshal(body); err != nil {
			return nil, fmt.Errorf("%s: %w", c.vendor, err)
		}
	}
	var header http.Header
	err := c.repeat(ctx, method, func() (err error) {
		header, err = c.once(ctx, method, path, data, into)
		return err
	})
	return header, err
}

// repeat makes a request until it has an answer, or is not worth another try.
func (c rest) repeat(ctx context.Context, method string, request func() error) error {
	for try := 1; ; try++ {
		err := request()
		if err == nil {
			return nil
		}
		pause, again := c.pause(ctx, method, try, err)
		if !again {
			return err
		}
		c.log().DebugContext(ctx, "api retry", "server", c.vendor, "attempt", try, "err", err)
		if err := c.sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// pause says whether a failed request is worth another try, and when.
func (c rest) pause(ctx context.Context, method string, try int, err error) (time.Duration, bool) {
	pause := time.Duration(try) * time.Second
	status, answered := errors.AsType[*statusError](err)
	switch {
	case try >= maxTries || ctx.Err() != nil:
		return 0, false
	case answered && nothingDone(status.code):
		pause = max(pause, status.after)
	case method != http.MethodGet || !errors.Is(err, ErrUnavailable):
		return 0, false
	}
	return pause, pause <= maxPatient
}

// nothingDone reports whether a status says that a request was not carried out
// and may be in a moment: too many came, or somebody else's is under way.
// Hetzner locks a zone so while it works in the background.
func nothingDone(code int) bool {
	return slices.Contains([]int{http.StatusTooManyRequests, http.StatusConflict, http.StatusLocked}, code)
}

func (c rest) once(ctx context.Context, method, path string, body []byte, into any) (http.Header, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout())
	defer cancel()
	req, err := c.request(ctx, method, path, body)
	if err != nil {
		return nil, err
	}
	resp, err := c.client().Do(req)
	if err != nil {
		if failed, ok := errors.AsType[*url.Error](err); ok {
			err = failed.Err // the rest of it is the address
		}
		return nil, fmt.Errorf("%s %s: %w: %w", c.vendor, method, ErrUnavailable, err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w: %w", c.vendor, method, ErrUnavailable, err)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return resp.Header, c.failure(method, resp, data)
	}
	if into == nil || len(data) == 0 {
		return resp.Header, nil
	}
	if len(data) > maxBody {
		return resp.Header, fmt.Errorf("%s %s: %w: the answer is too long", c.vendor, method, ErrUnavailable)
	}
	if err := json.Unmarshal(data, into); err != nil {
		return resp.Header, fmt.Errorf("%s %s: %w: the answer is not what the API promises: %s", c.vendor, method, ErrUnavailable, c.shown(err.Error()))
	}
	return resp.Header, nil
}

func (c rest) request(ctx context.Context, method, path string, body []byte) (*http.Request, error) {
	root := c.root
	if c.Base != "" {
		root = c.Base
	}
	u, err := url.Parse(strings.TrimSuffix(root, "/") + path)
	if err != nil {
		return nil, fmt.Errorf("%s: the address of the API cannot be read", c.vendor)
	}
	if ip := net.ParseIP(u.Hostname()); u.Scheme != "https" && (u.Scheme != "http" || ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("%s: %w: the API is asked over HTTPS only", c.vendor, ErrRefused)
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.vendor, err)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "mxmove")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	c.sign(req, body)
	return req, nil
}

// client follows no redirect: it would carry the token to another place.
func (c rest) client() *http.Client {
	client := http.Client{}
	if c.Client != nil {
		client = *c.Client
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client
}

// shown is outside text as it may stand in an error: short, printable and
// without a secret.
func (c rest) shown(text string) string {
	const most = 300
	for _, s := range c.secrets {
		if s != "" {
			text = strings.ReplaceAll(text, s, "[redacted]")
		}
	}
	if len(text) > most {
		text = text[:most] + "..."
	}
	return zone.Escape(text)
}

func (c rest) timeout() time.Duration {
	if c.Timeout > 0 {
		return c.Timeout
	}
	return 30 * time.Second
}

func (c rest) sleep(ctx context.Context, d time.Duration) error {
	if c.Sleep != nil {
		return c.Sleep(ctx, d)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

func (c rest) log() *slog.Logger {
	if c.Log != nil {
		return c.Log
	}
	return slog.New(slog.DiscardHandler)
}

// bearer adds a token in the usual place, behind a word such as Bearer.
func bearer(word, token string) func(*http.Request, []byte) {
	return func(r *http.Request, _ []byte) { r.Header.Set("Authorization", word+" "+token) }
}

// path joins parts of a path, each escaped.
func path(parts ...string) string {
	escaped := make([]string, len(parts))
	for i, p := range parts {
		escaped[i] = url.PathEscape(p)
	}
	return "/" + strings.Join(escaped, "/")
}

// denied reports whether an error is about our rights and nothing else: to
// look again would only be refused again.
func denied(err error) bool {
	status, ok := errors.AsType[*statusError](err)
	return ok && slices.Contains([]int{http.StatusUnauthorized, http.StatusForbidden}, status.code)
}
