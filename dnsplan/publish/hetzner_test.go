package publish_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/publish"
)

func hetznerSite(t *testing.T) site {
	t.Helper()
	return hetznerOf(newPanel(t, (&hetznerHost{mode: "primary"}).api))
}

func hetznerOf(p *panel) site {
	return p.site(func(token string, api publish.API) publish.Publisher {
		return &publish.Hetzner{Token: token, API: api}
	})
}

// A hetznerHost speaks the part of the Hetzner Cloud's API that DNS needs.
// Work is done in the background and found to be done at the second look.
type hetznerHost struct {
	mode      string
	protected string // "name type"
	fails     string // what an action ends with
	looks     map[int]int
	comments  map[string]string // by data
	actions   int
}

func (h *hetznerHost) api(p *panel) http.Handler {
	h.looks = make(map[int]int)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /zones/example.org", func(w http.ResponseWriter, r *http.Request) {
		answer(w, 200, map[string]any{"zone": map[string]any{"id": 7, "name": "example.org", "ttl": 3600, "mode": h.mode}})
	})
	mux.HandleFunc("GET /zones/example.org/rrsets", func(w http.ResponseWriter, r *http.Request) {
		const each = 3
		page, _ := strconv.Atoi(r.URL.Query().Get("page"))
		all := p.sets()
		sets := []any{}
		for _, s := range all[min(len(all), (page-1)*each):min(len(all), page*each)] {
			sets = append(sets, h.set(s))
		}
		var next any
		if page*each < len(all) {
			next = page + 1
		}
		answer(w, 200, map[string]any{"rrsets": sets, "meta": map[string]any{"pagination": map[string]any{"page": page, "next_page": next}}})
	})
	mux.HandleFunc("POST /zones/example.org/rrsets", func(w http.ResponseWriter, r *http.Request) {
		h.do(w, r, p, func(b hetznerBody) error {
			if b.TTL == nil {
				return errors.New("a TTL was expected")
			}
			p.set(above(b.Name), b.Type, *b.TTL, h.data(b)...)
			return nil
		})
	})
	const own = "/zones/example.org/rrsets/{name}/{type}"
	mux.HandleFunc("DELETE "+own, func(w http.ResponseWriter, r *http.Request) {
		h.do(w, r, p, func(hetznerBody) error {
			p.remove(is(above(r.PathValue("name")), r.PathValue("type")))
			return nil
		})
	})
	mux.HandleFunc("POST "+own+"/actions/set_records", func(w http.ResponseWriter, r *http.Request) {
		h.do(w, r, p, func(b hetznerBody) error {
			name, typ := above(r.PathValue("name")), r.PathValue("type")
			for _, row := range p.rows {
				if is(name, typ)(row) {
					p.set(name, typ, row.ttl, h.data(b)...)
					return nil
				}
			}
			return errors.New("no such RRset")
		})
	})
	mux.HandleFunc("POST "+own+"/actions/change_ttl", func(w http.ResponseWriter, r *http.Request) {
		h.do(w, r, p, func(b hetznerBody) error {
			for i := range p.rows {
				if is(above(r.PathValue("name")), r.PathValue("type"))(p.rows[i]) {
					p.rows[i].ttl = *b.TTL
				}
			}
			return nil
		})
	})
	mux.HandleFunc("GET /actions/{id}", func(w http.ResponseWriter, r *http.Request) {
		id, _ := strconv.Atoi(r.PathValue("id"))
		h.looks[id]++
		switch {
		case h.looks[id] < 2:
			answer(w, 200, action(id, "running", ""))
		case h.fails != "":
			answer(w, 200, action(id, "error", h.fails))
		default:
			answer(w, 200, action(id, "success", ""))
		}
	})
	return authorised(mux, "Bearer "+rightToken, 401, `{"error": {"code": "unauthorized", "message": "unable to authenticate"}}`)
}

type hetznerBody struct {
	Name, Type string
	TTL        *uint32
	Records    []struct{ Value, Comment string }
}

func action(id int, status, failure string) map[string]any {
	a := map[string]any{"id": id, "status": status, "error": nil}
	if failure != "" {
		a["error"] = map[string]any{"code": "action_failed", "message": failure}
	}
	return map[string]any{"action": a}
}

// do makes a change and answers with the action that stands for it.
func (h *hetznerHost) do(w http.ResponseWriter, r *http.Request, p *panel, change func(hetznerBody) error) {
	var body hetznerBody
	if r.ContentLength != 0 && r.Method != http.MethodDelete {
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			answer(w, 422, map[string]any{"error": map[string]any{"code": "invalid_input", "message": err.Error()}})
			return
		}
	}
	if h.fails == "" {
		if err := p.commit(func() error { return change(body) }); err != nil {
			answer(w, 422, map[string]any{"error": map[string]any{"code": "invalid_input", "message": err.Error()}})
			return
		}
	}
	h.actions++
	answer(w, 201, action(h.actions, "running", ""))
}

func (h *hetznerHost) data(b hetznerBody) []string {
	h.comments = make(map[string]string)
	var all []string
	for _, r := range b.Records {
		all = append(all, r.Value)
		h.comments[r.Value] = r.Comment
	}
	return all
}

func (h *hetznerHost) set(s hostSet) map[string]any {
	records := []any{}
	for _, d := range s.data {
		records = append(records, map[string]any{"value": strings.TrimSuffix(d, ".example.org."), "comment": "about " + d})
	}
	ttl := any(s.ttl)
	if s.ttl == 3600 {
		ttl = nil // the zone's
	}
	return map[string]any{
		"id": below(s.name, "@") + "/" + s.typ, "name": below(s.name, "@"), "type": s.typ, "ttl": ttl, "records": records,
		"protection": map[string]any{"change": s.name+" "+s.typ == h.protected},
	}
}

func TestHetznerRefusals(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		host hetznerHost
		want error
	}{
		"secondary":        {hetznerHost{mode: "secondary"}, publish.ErrRefused},
		"protected":        {hetznerHost{protected: "example.org. MX"}, publish.ErrRefused},
		"background fails": {hetznerHost{fails: "out of luck"}, publish.ErrNotApplied},
	} {
		s := hetznerOf(newPanel(t, tt.host.api))
		before := s.zone(t)
		err := s.publisher.Publish(t.Context(), "example.org", []dnsplan.Change{update(oldMX, newMX)})
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: Publish = %v, want %v", name, err, tt.want)
		}
		unchanged(t, s, before)
	}
}

func TestHetznerKeepsComments(t *testing.T) {
	t.Parallel()
	h := &hetznerHost{mode: "primary"}
	s := hetznerOf(newPanel(t, h.api))
	mustPublish(t, s, update(oldTXT, newTXT))
	if got, want := h.comments[`"MS=ms123"`], `about "MS=ms123"`; got != want {
		t.Errorf("the comment of the record that stays is %q, want %q; all: %v", got, want, fmt.Sprint(h.comments))
	}
}
