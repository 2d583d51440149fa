package publish

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A statusError is an answer of an API that is not a success.
type statusError struct {
	vendor string
	method string
	code   int
	text   string        // the vendor's own words, fit for a terminal
	after  time.Duration // the pause that it asks for
	kind   error         // ErrRefused or ErrUnavailable
}

func (e *statusError) Error() string {
	text := fmt.Sprintf("%s %s: %v: %d %s", e.vendor, e.method, e.kind, e.code, http.StatusText(e.code))
	if e.text != "" {
		text += ": " + e.text
	}
	return text
}

func (e *statusError) Unwrap() error { return e.kind }

// failure reads an answer that is not a success.
func (c rest) failure(method string, resp *http.Response, body []byte) *statusError {
	e := &statusError{vendor: c.vendor, method: method, code: resp.StatusCode, kind: ErrUnavailable}
	switch e.code {
	case http.StatusConflict, http.StatusLocked, http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		// Somebody else is at work, or the vendor wants a pause.
	default:
		if e.code < 500 {
			e.kind = ErrRefused
		}
	}
	e.text = c.shown(words(body))
	e.after = retryAfter(resp.Header)
	return e
}

// retryAfter reads the pause that an answer asks for (RFC 9110, section
// 10.2.3), as seconds or as a date, which the server's own clock is held
// against.
func retryAfter(h http.Header) time.Duration {
	text := h.Get("Retry-After")
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0
	}
	return max(0, at.Sub(now))
}

// words returns what an error says to people: every text in it, since each
// vendor has keys of its own.
func words(body []byte) string {
	var doc any
	if json.Unmarshal(body, &doc) != nil {
		return "" // a page of HTML, mostly
	}
	var texts []string
	collect(doc, &texts)
	return strings.Join(texts, "; ")
}

func collect(v any, texts *[]string) {
	const most = 8
	if len(*texts) >= most {
		return
	}
	switch v := v.(type) {
	case string:
		if v != "" && !slices.Contains(*texts, v) {
			*texts = append(*texts, v)
		}
	case []any:
		for _, item := range v {
			collect(item, texts)
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			collect(v[key], texts)
		}
	}
}
