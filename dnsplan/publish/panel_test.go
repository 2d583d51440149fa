package publish_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/publish"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

const (
	rightToken = "right-token-of-the-account"
	wrongToken = "d3Jvbmc-token"
)

// A row is one record of a panel.
type row struct {
	id   int
	name string // absolute
	typ  string
	ttl  uint32
	data string
}

// A panel is a DNS host behind an API: the records, and what goes wrong.
type panel struct {
	mu     sync.Mutex // guards all below
	rows   []row
	next   int
	writes int  // transactions that took effect
	noMX   bool // there was a moment without an MX

	calls  int // requests that would write, failed ones too
	fault  fault
	edit   func(p *panel) // by somebody else, before the next write
	server *httptest.Server
}

// A fault is what happens to requests that write, from the nth on.
type fault struct {
	from, times int // times 0: never
	kind        string
	after       string // Retry-After
}

// newPanel holds the zone that every site begins with.
func newPanel(t *testing.T, handler func(p *panel) http.Handler) *panel {
	t.Helper()
	p := &panel{}
	for _, s := range read(t, exampleZone).All() {
		for _, data := range s.Data {
			p.add(s.Name, s.TypeName(), s.TTL, data)
		}
	}
	p.server = httptest.NewServer(p.guard(handler(p)))
	t.Cleanup(p.server.Close)
	return p
}

// guard lets faults happen around a handler.
func (p *panel) guard(inner http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		if r.Method == http.MethodGet {
			p.mu.Lock()
			defer p.mu.Unlock()
			inner.ServeHTTP(w, r)
			return
		}
		kind, after := p.strike()
		switch kind {
		case "429":
			w.Header().Set("Retry-After", after)
			http.Error(w, `{"error": "slow down"}`, http.StatusTooManyRequests)
			return
		case "423":
			http.Error(w, `{"error": {"code": "locked"}}`, http.StatusLocked)
			return
		case "500 before":
			http.Error(w, `{"error": "out of order"}`, http.StatusInternalServerError)
			return
		case "hang before":
			<-r.Context().Done()
			return
		}
		rec := httptest.NewRecorder()
		p.mu.Lock()
		inner.ServeHTTP(rec, r)
		p.mu.Unlock()
		switch kind {
		case "500 after":
			http.Error(w, `<html>Internal Server Error</html>`, http.StatusInternalServerError)
		case "hang after":
			<-r.Context().Done()
		default:
			for key, values := range rec.Header() {
				w.Header()[key] = values
			}
			w.WriteHeader(rec.Code)
			_, _ = w.Write(rec.Body.Bytes())
		}
	})
}

// strike counts a request that would write and returns its fate.
func (p *panel) strike() (kind, after string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.edit != nil {
		edit := p.edit
		p.edit = nil
		edit(p)
	}
	p.calls++
	if f := p.fault; p.calls >= f.from && p.calls < f.from+f.times {
		return f.kind, f.after
	}
	return "", ""
}

func (p *panel) breaks(f fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls, p.fault = 0, f
}

func (p *panel) add(name, typ string, ttl uint32, data string) row {
	p.next++
	r := row{p.next, zone.Canonical(name), typ, ttl, data}
	p.rows = append(p.rows, r)
	return r
}

func (p *panel) remove(match func(row) bool) int {
	before := len(p.rows)
	p.rows = slices.DeleteFunc(p.rows, match)
	return before - len(p.rows)
}

func (p *panel) at(id string) *row {
	for i := range p.rows {
		if fmt.Sprint(p.rows[i].id) == id {
			return &p.rows[i]
		}
	}
	return nil
}

func is(name, typ string) func(row) bool {
	return func(r row) bool { return r.name == zone.Canonical(name) && r.typ == typ }
}

// commit makes a transaction: all of it, or nothing when the zone would not be
// one.
func (p *panel) commit(do func() error) error {
	kept := slices.Clone(p.rows)
	err := do()
	if err == nil {
		err = p.sound()
	}
	if err != nil {
		p.rows = kept
		return err
	}
	p.writes++
	p.noMX = p.noMX || !slices.ContainsFunc(p.rows, is("example.org.", "MX"))
	return nil
}

// sound refuses a CNAME beside other data, and a record twice.
func (p *panel) sound() error {
	for i, a := range p.rows {
		for _, b := range p.rows[i+1:] {
			if a.name == b.name && (a.typ == "CNAME" || b.typ == "CNAME") {
				return errors.New("a CNAME beside other data")
			}
			if a.name == b.name && a.typ == b.typ && a.data == b.data {
				return errors.New("the record exists already")
			}
		}
	}
	return nil
}

func (p *panel) set(name, typ string, ttl uint32, data ...string) {
	p.remove(is(name, typ))
	for _, d := range data {
		p.add(name, typ, ttl, d)
	}
}

// zone is what the panel's name servers would answer.
func (p *panel) zone(t *testing.T) zone.Zone {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	var rrs []dns.RR
	for _, r := range p.rows {
		rr, err := dns.NewRR(fmt.Sprintf("%s %d IN %s %s", r.name, r.ttl, r.typ, r.data))
		if err != nil || rr == nil {
			t.Fatalf("the panel holds %+v: %v", r, err)
		}
		rrs = append(rrs, rr)
	}
	z := zone.New("example.org.", zone.Listing)
	for _, s := range zone.FromRRs(rrs) {
		z.Put(s)
	}
	z.Serial = uint32(p.writes)
	return z
}

// api is how a publisher of ours reaches the panel, with pauses that take no
// time.
func (p *panel) api() publish.API {
	return publish.API{Base: p.server.URL, Timeout: 5 * time.Second, Sleep: noSleep}
}

// site is the panel as a place to publish at.
func (p *panel) site(build func(token string, api publish.API) publish.Publisher) site {
	return site{publisher: build(rightToken, p.api()), stranger: build(wrongToken, p.api()), zone: p.zone, panel: p}
}
