package publish_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/publish"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

func cloudflareSite(t *testing.T) site {
	t.Helper()
	return cloudflareOf(newPanel(t, cloudflareAPI(nil)))
}

func cloudflareOf(p *panel) site {
	return p.site(func(token string, api publish.API) publish.Publisher {
		return &publish.Cloudflare{Token: token, API: api}
	})
}

// cloudflareAPI speaks the part of Cloudflare's API v4 that DNS needs. Some
// records are marked: "proxied", "email" or "auto" by name and type.
func cloudflareAPI(marks map[string]string) func(p *panel) http.Handler {
	return func(p *panel) http.Handler {
		mux := http.NewServeMux()
		mux.HandleFunc("GET /zones", func(w http.ResponseWriter, r *http.Request) {
			zones := []any{}
			if r.URL.Query().Get("name") == "example.org" {
				zones = append(zones, map[string]any{"id": "z0", "name": "example.org", "status": "moved", "type": "full"},
					map[string]any{"id": "z1", "name": "example.org", "status": "active", "type": "full"})
			}
			answer(w, 200, map[string]any{"success": true, "errors": []any{}, "result": zones, "result_info": map[string]any{"page": 1, "total_pages": 1}})
		})
		mux.HandleFunc("GET /zones/z1/dns_records", func(w http.ResponseWriter, r *http.Request) {
			const each = 3 // whatever was asked for
			page, _ := strconv.Atoi(r.URL.Query().Get("page"))
			records := []any{}
			for _, row := range p.rows {
				if row.typ != "SOA" && (row.typ != "NS" || row.name != "example.org.") {
					records = append(records, cloudflareRow(row, marks[row.name+" "+row.typ]))
				}
			}
			pages := (len(records) + each - 1) / each
			records = records[min(len(records), (page-1)*each):min(len(records), page*each)]
			answer(w, 200, map[string]any{"success": true, "result": records, "result_info": map[string]any{"page": page, "total_pages": pages}})
		})
		mux.HandleFunc("POST /zones/z1/dns_records/batch", func(w http.ResponseWriter, r *http.Request) {
			var batch cloudflareBatch
			if err := json.NewDecoder(r.Body).Decode(&batch); err != nil {
				answer(w, 400, map[string]any{"success": false, "errors": []any{map[string]any{"code": 9207, "message": err.Error()}}})
				return
			}
			if err := p.commit(func() error { return batch.apply(p) }); err != nil {
				answer(w, 400, map[string]any{"success": false, "errors": []any{map[string]any{"code": 81053, "message": err.Error()}}})
				return
			}
			answer(w, 200, map[string]any{"success": true, "result": map[string]any{}})
		})
		return authorised(mux, "Bearer "+rightToken, 403, `{"success":false,"errors":[{"code":9109,"message":"Invalid access token `+wrongToken+`"}]}`)
	}
}

// authorised lets only the right credentials in.
func authorised(inner http.Handler, want string, code int, refusal string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != want {
			http.Error(w, refusal, code)
			return
		}
		inner.ServeHTTP(w, r)
	})
}

func answer(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v)
}

func cloudflareRow(r row, mark string) map[string]any {
	c := map[string]any{
		"id": fmt.Sprintf("r%d", r.id), "type": r.typ, "name": strings.TrimSuffix(r.name, "."), "ttl": r.ttl,
		"proxied": mark == "proxied", "meta": map[string]any{"read_only": mark == "email", "auto_added": false},
	}
	if mark == "auto" {
		c["ttl"] = 1
	}
	number, host, _ := strings.Cut(r.data, " ")
	switch r.typ {
	case "MX":
		c["priority"], _ = strconv.Atoi(number)
		c["content"] = strings.TrimSuffix(host, ".")
	case "SRV":
		f := strings.Fields(r.data)
		target := f[3]
		if target != "." {
			target = strings.TrimSuffix(target, ".")
		}
		priority, _ := strconv.Atoi(f[0])
		weight, _ := strconv.Atoi(f[1])
		port, _ := strconv.Atoi(f[2])
		c["priority"] = priority
		c["content"] = strings.Join([]string{f[0], f[1], f[2], target}, " ") // older ones lack the priority
		c["data"] = map[string]any{"priority": priority, "weight": weight, "port": port, "target": target}
	case "TXT":
		c["content"] = r.data
		if text, err := zone.JoinTXT(r.data); err == nil && len(text) < 20 {
			c["content"] = text // older records come without quotes
		}
	default:
		c["content"] = strings.TrimSuffix(r.data, ".")
	}
	return c
}

type cloudflareBatch struct {
	Deletes []struct{ ID string }
	Patches []struct {
		ID, Type, Name string
		TTL            uint32
	}
	Posts []struct {
		Type, Name, Content string
		Priority            *int
		TTL                 uint32
		Proxied             *bool
		Data                map[string]any
	}
}

func (b cloudflareBatch) apply(p *panel) error {
	for _, d := range b.Deletes {
		if p.remove(func(r row) bool { return fmt.Sprintf("r%d", r.id) == d.ID }) == 0 {
			return errors.New("record does not exist")
		}
	}
	for _, c := range b.Patches {
		r := p.at(strings.TrimPrefix(c.ID, "r"))
		if r == nil {
			return errors.New("record does not exist")
		}
		if c.Type != r.typ || zone.Canonical(c.Name) != r.name {
			return errors.New("name, type and ttl are required")
		}
		r.ttl = c.TTL
	}
	for _, c := range b.Posts {
		data := c.Content
		switch c.Type {
		case "MX":
			if c.Priority == nil {
				return errors.New("priority is required")
			}
			data = fmt.Sprintf("%d %s", *c.Priority, dns.Fqdn(c.Content))
		case "SRV":
			data = fmt.Sprintf("%v %v %v %s", c.Data["priority"], c.Data["weight"], c.Data["port"], dns.Fqdn(c.Data["target"].(string)))
		case "TLSA":
			data = fmt.Sprintf("%v %v %v %s", c.Data["usage"], c.Data["selector"], c.Data["matching_type"], c.Data["certificate"])
		case "A", "AAAA", "CNAME":
			if c.Proxied == nil || *c.Proxied {
				return errors.New("nobody asked for a proxy")
			}
			if c.Type == "CNAME" {
				data = dns.Fqdn(c.Content)
			}
		}
		if c.TTL < 60 {
			return errors.New("ttl must be between 60 and 86400 seconds, or 1 for automatic")
		}
		p.add(c.Name, c.Type, c.TTL, data)
	}
	return nil
}

func TestCloudflareLeavesAloneWhatIsNotPlain(t *testing.T) {
	t.Parallel()
	p := newPanel(t, cloudflareAPI(map[string]string{
		"autodiscover.example.org. A": "proxied", "example.org. MX": "email", "mail.example.org. A": "auto",
	}))
	s := cloudflareOf(p)
	before := s.zone(t)
	for _, c := range []dnsplan.Change{update(oldA, nil), update(oldMX, newMX)} {
		err := s.publisher.Publish(t.Context(), "example.org", []dnsplan.Change{c})
		if !errors.Is(err, publish.ErrRefused) || !strings.Contains(err.Error(), "first") {
			t.Errorf("%s: Publish = %v, want ErrRefused with the remedy", c.RRset().Key(), err)
		}
	}
	unchanged(t, s, before)
	all, err := s.publisher.(publish.Lister).List(t.Context(), "example.org")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(all.Opaque, zone.Key{Name: "autodiscover.example.org.", Type: dns.TypeA}) || all.Zone.Get("autodiscover.example.org.", dns.TypeA) != nil {
		t.Errorf("the proxied name is listed: %v", all.Opaque)
	}
	if got := all.Zone.Get("mail.example.org.", dns.TypeA); got == nil || got.TTL != 300 {
		t.Errorf("automatic TTL = %v, want 300", got)
	}
}

func TestCloudflareWritesEveryType(t *testing.T) {
	t.Parallel()
	s := cloudflareSite(t)
	for _, c := range []dnsplan.Change{
		update(nil, set("_imaps._tcp.example.org.", dns.TypeSRV, 300, "0 1 993 imap.provider.example.")),
		update(nil, set("_imap._tcp.example.org.", dns.TypeSRV, 300, "0 0 0 .")),
		update(nil, set("_25._tcp.mail.example.org.", dns.TypeTLSA, 300, "3 1 1 abcdef")),
		update(nil, set("x.example.org.", dns.TypeAAAA, 300, "2001:db8::1")),
	} {
		mustPublish(t, s, c)
		slower := update(c.After, set(c.After.Name, c.After.Type, 3600, c.After.Data...))
		mustPublish(t, s, slower)
		mustPublish(t, s, slower.Reverse())
		mustPublish(t, s, c.Reverse())
	}
	err := s.publisher.Publish(t.Context(), "example.org", []dnsplan.Change{update(nil, set("x.example.org.", dns.TypeHINFO, 300, `"a" "b"`))})
	if !errors.Is(err, publish.ErrRefused) {
		t.Errorf("HINFO: Publish = %v, want ErrRefused", err)
	}
}
