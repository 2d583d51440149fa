package publish_test

import (
	"crypto/sha1"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/publish"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

func ovhSite(t *testing.T) site {
	t.Helper()
	s, _ := ovhOf(t)
	return s
}

// ovhOf returns the site, whose zone is the one that is served, and the host.
func ovhOf(t *testing.T) (site, *ovhHost) {
	h := &ovhHost{}
	p := newPanel(t, h.api)
	h.served = p.zone(t)
	s := p.site(func(token string, api publish.API) publish.Publisher {
		return &publish.OVH{ApplicationKey: "app", ApplicationSecret: token, ConsumerKey: "consumer", API: api}
	})
	s.zone = func(t *testing.T) zone.Zone {
		p.mu.Lock()
		defer p.mu.Unlock()
		return h.served.Clone()
	}
	return s, h
}

// An ovhHost speaks the part of OVHcloud's API that DNS needs. Edits are
// staged until the zone is refreshed.
type ovhHost struct {
	served    zone.Zone
	refreshes int
}

type ovhBody struct {
	FieldType, SubDomain, Target string
	TTL                          uint32
}

// skew is how wrong our clock is in the eyes of the server.
const skew = -3 * time.Hour

func (h *ovhHost) api(p *panel) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /domain/zone/example.org/record", func(w http.ResponseWriter, r *http.Request) {
		ids := []int{}
		for _, row := range p.rows {
			if row.typ != "SOA" {
				ids = append(ids, row.id)
			}
		}
		answer(w, 200, ids)
	})
	mux.HandleFunc("GET /domain/zone/example.org/soa", func(w http.ResponseWriter, r *http.Request) {
		answer(w, 200, map[string]any{"ttl": 3600, "server": "ns1.example.org."})
	})
	mux.HandleFunc("GET /domain/zone/example.org/record/{id}", func(w http.ResponseWriter, r *http.Request) {
		row := p.at(r.PathValue("id"))
		if row == nil {
			answer(w, 404, map[string]any{"message": "This service does not exist"})
			return
		}
		typ, ttl, target := row.typ, row.ttl, row.data
		if ttl == 3600 {
			ttl = 0
		}
		if typ == "TXT" && strings.Contains(target, "v=spf1") {
			typ = "SPF"
		}
		target = strings.TrimSuffix(target, ".example.org.")
		answer(w, 200, map[string]any{"id": row.id, "zone": "example.org", "subDomain": below(row.name, ""), "fieldType": typ, "target": target, "ttl": ttl})
	})
	stage := func(w http.ResponseWriter, r *http.Request, change func(b ovhBody) error) {
		var b ovhBody
		err := json.NewDecoder(r.Body).Decode(&b)
		if err == nil || r.Method == http.MethodDelete {
			err = p.commit(func() error { return change(b) })
		}
		if err != nil {
			answer(w, 400, map[string]any{"class": "Client::BadRequest", "message": err.Error()})
			return
		}
		answer(w, 200, nil)
	}
	mux.HandleFunc("POST /domain/zone/example.org/record", func(w http.ResponseWriter, r *http.Request) {
		stage(w, r, func(b ovhBody) error {
			p.add(above(b.SubDomain), b.FieldType, b.TTL, b.Target)
			return nil
		})
	})
	mux.HandleFunc("PUT /domain/zone/example.org/record/{id}", func(w http.ResponseWriter, r *http.Request) {
		stage(w, r, func(b ovhBody) error {
			row := p.at(r.PathValue("id"))
			if row == nil {
				return errGone
			}
			row.ttl, row.data = b.TTL, dns.Fqdn(b.Target)
			if row.typ != "CNAME" && row.typ != "MX" {
				row.data = b.Target
			}
			return nil
		})
	})
	mux.HandleFunc("DELETE /domain/zone/example.org/record/{id}", func(w http.ResponseWriter, r *http.Request) {
		stage(w, r, func(ovhBody) error {
			if p.remove(func(row row) bool { return fmt.Sprint(row.id) == r.PathValue("id") }) == 0 {
				return errGone
			}
			return nil
		})
	})
	mux.HandleFunc("POST /domain/zone/example.org/refresh", func(w http.ResponseWriter, r *http.Request) {
		h.refreshes++
		h.serve(p)
		answer(w, 200, nil)
	})
	return h.signed(mux)
}

// serve lets what was staged take effect.
func (h *ovhHost) serve(p *panel) {
	z := zone.New("example.org.", zone.Listing)
	var rrs []dns.RR
	for _, r := range p.rows {
		rr, err := dns.NewRR(fmt.Sprintf("%s %d IN %s %s", r.name, r.ttl, r.typ, r.data))
		if err == nil {
			rrs = append(rrs, rr)
		}
	}
	for _, s := range zone.FromRRs(rrs) {
		z.Put(s)
	}
	z.Serial = uint32(p.writes)
	h.served = z
}

// signed checks the signature of every request but the one for the time.
func (h *ovhHost) signed(inner http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		now := time.Now().Add(skew).Unix()
		if r.URL.Path == "/auth/time" {
			answer(w, 200, now)
			return
		}
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		at, _ := strconv.ParseInt(r.Header.Get("X-Ovh-Timestamp"), 10, 64)
		url := "http://" + r.Host + r.URL.RequestURI()
		sum := sha1.Sum([]byte(strings.Join([]string{rightToken, "consumer", r.Method, url, string(body), r.Header.Get("X-Ovh-Timestamp")}, "+")))
		if max(at-now, now-at) > 30 || r.Header.Get("X-Ovh-Signature") != fmt.Sprintf("$1$%x", sum) || r.Header.Get("X-Ovh-Application") != "app" {
			answer(w, 400, map[string]any{"class": "Client::BadRequest", "errorCode": "INVALID_SIGNATURE", "message": "Invalid signature"})
			return
		}
		inner.ServeHTTP(w, r)
	})
}

// TestOVHRefreshesWhatWasStagedBefore begins with a run that was cut short
// before the refresh: the list shows the edits, the servers do not.
func TestOVHRefreshesWhatWasStagedBefore(t *testing.T) {
	t.Parallel()
	s, h := ovhOf(t)
	s.panel.mu.Lock()
	s.panel.set("example.org.", "MX", newMX.TTL, newMX.Data...)
	s.panel.mu.Unlock()
	if got := s.zone(t).Get("example.org.", dns.TypeMX); !zone.Same(got, oldMX) {
		t.Fatalf("MX = %v before the refresh", got)
	}
	mustPublish(t, s, update(oldMX, newMX))
	if got := s.zone(t).Get("example.org.", dns.TypeMX); !zone.Same(got, newMX) || h.refreshes != 1 {
		t.Errorf("MX = %v after %d refreshes, want the new one after 1", got, h.refreshes)
	}
}

// TestOVHShowsNothingHalfDone cuts every request in turn: until the refresh
// the servers show the old zone.
func TestOVHShowsNothingHalfDone(t *testing.T) {
	t.Parallel()
	changes := []dnsplan.Change{update(oldMX, newMX), update(oldTXT, newTXT)}
	for n := 1; ; n++ {
		s, h := ovhOf(t)
		before := s.zone(t)
		s.panel.breaks(fault{from: n, times: 1000, kind: "500 before"})
		if s.publisher.Publish(t.Context(), "example.org", changes) == nil {
			if n < 5 {
				t.Errorf("only %d requests write", n-1)
			}
			return
		}
		if h.refreshes > 0 || !slices.EqualFunc(before.All(), s.zone(t).All(), func(a, b zone.RRset) bool { return zone.Same(&a, &b) }) {
			t.Errorf("cut at request %d: the servers show something else", n)
		}
	}
}
