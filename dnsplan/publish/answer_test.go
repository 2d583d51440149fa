package publish_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/publish"
)

// A canned transport gives the same answer to everything.
type canned string

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: 200, Status: "200 OK", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(string(c))),
	}, nil
}

// FuzzAnswers lets every API say anything: nobody panics, nothing goes to a
// terminal as it came, and what is listed can be written again.
func FuzzAnswers(f *testing.F) {
	for i, body := range []string{
		`{"success":true,"result":[{"id":"1","name":"example.org","status":"active","type":"MX","content":"mail.example.org","priority":10,"ttl":1}]}`,
		`[{"subname":"","type":"MX","ttl":60,"records":["10 mail"]}]`,
		`{"domain_records":[{"id":1,"type":"MX","name":"@","data":"@","priority":10,"ttl":60}],"links":{}}`,
		`[{"rrset_name":"@","rrset_type":"TXT","rrset_ttl":300,"rrset_values":["\"a\" \"b\""]}]`,
		`{"zone":{"ttl":60},"rrsets":[{"name":"a b","type":"A","records":[{"value":"192.0.2.1\n"}]}],"meta":{"pagination":{"next_page":2}}}`,
		`[1,2]`,
		`<ListHostedZonesByNameResponse><HostedZones><HostedZone><Id>/hostedzone/Z</Id><Name>example.org.</Name></HostedZone></HostedZones></ListHostedZonesByNameResponse>`,
	} {
		f.Add(uint8(i), body)
	}
	f.Fuzz(func(t *testing.T, which uint8, body string) {
		api := publish.API{Base: "https://api.example", Client: &http.Client{Transport: canned(body)}, Sleep: noSleep}
		p := []publish.Publisher{
			&publish.Cloudflare{API: api}, &publish.DeSEC{API: api}, &publish.DigitalOcean{API: api}, &publish.Gandi{API: api},
			&publish.Hetzner{API: api}, &publish.OVH{API: api}, &publish.Route53{AccessKey: "a", SecretKey: "b", API: api},
		}[int(which)%7]
		all, err := p.(publish.Lister).List(t.Context(), "example.org")
		if err == nil {
			for _, s := range all.Zone.All() {
				if _, err := s.RRs(); err != nil {
					t.Errorf("%T lists %v: %v", p, s, err)
				}
			}
		}
		err = p.Publish(t.Context(), "example.org", []dnsplan.Change{update(oldMX, newMX)})
		if err != nil && strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' }) {
			t.Errorf("%T: %q", p, err)
		}
	})
}
