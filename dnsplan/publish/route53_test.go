package publish_test

import (
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/publish"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

func awsSite(t *testing.T) site {
	t.Helper()
	return awsOf(newPanel(t, (&awsHost{zones: []awsZone{{"ZPRIVATE", "example.org.", true}, {"ZPUBLIC", "example.org.", false}}}).api))
}

func awsOf(p *panel) site {
	return p.site(func(token string, api publish.API) publish.Publisher {
		return &publish.Route53{AccessKey: token, SecretKey: token, API: api}
	})
}

// An awsHost speaks the part of Route 53 that DNS needs, in its XML.
type awsHost struct {
	zones []awsZone
	alias string // "name type" that is an alias
}

type awsZone struct {
	id, name string
	private  bool
}

type awsSet struct {
	Name            string   `xml:"Name"`
	Type            string   `xml:"Type"`
	TTL             *uint32  `xml:"TTL"`
	ResourceRecords []string `xml:"ResourceRecords>ResourceRecord>Value"`
}

type awsBatch struct {
	Changes []struct {
		Action string `xml:"Action"`
		Set    awsSet `xml:"ResourceRecordSet"`
	} `xml:"ChangeBatch>Changes>Change"`
}

func (h *awsHost) api(p *panel) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2013-04-01/hostedzonesbyname", func(w http.ResponseWriter, r *http.Request) {
		var b strings.Builder
		for _, z := range h.zones {
			b.WriteString(z.xml())
		}
		document(w, 200, "ListHostedZonesByNameResponse", "<HostedZones>"+b.String()+"</HostedZones><IsTruncated>false</IsTruncated><MaxItems>100</MaxItems>")
	})
	mux.HandleFunc("GET /2013-04-01/hostedzone/{id}", func(w http.ResponseWriter, r *http.Request) {
		for _, z := range h.zones {
			if z.id == r.PathValue("id") {
				document(w, 200, "GetHostedZoneResponse", z.xml())
				return
			}
		}
		awsError(w, 404, "NoSuchHostedZone", "No hosted zone found with ID: "+r.PathValue("id"))
	})
	mux.HandleFunc("GET /2013-04-01/hostedzone/ZPUBLIC/rrset", func(w http.ResponseWriter, r *http.Request) { h.list(w, r, p) })
	mux.HandleFunc("POST /2013-04-01/hostedzone/ZPUBLIC/rrset/", func(w http.ResponseWriter, r *http.Request) {
		var batch awsBatch
		err := xml.NewDecoder(r.Body).Decode(&batch)
		if err == nil {
			err = p.commit(func() error { return batch.apply(p) })
		}
		if err != nil {
			awsError(w, 400, "InvalidChangeBatch", err.Error())
			return
		}
		document(w, 200, "ChangeResourceRecordSetsResponse", "<ChangeInfo><Id>/change/C1</Id><Status>PENDING</Status><SubmittedAt>2026-11-25T00:00:00Z</SubmittedAt></ChangeInfo>")
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Authorization"), "Credential="+rightToken+"/") {
			awsError(w, 403, "InvalidClientTokenId", "The security token included in the request is invalid: "+wrongToken)
			return
		}
		if r.Method == http.MethodPost && !strings.HasSuffix(r.URL.Path, "/") {
			r.URL.Path += "/"
		}
		mux.ServeHTTP(w, r)
	})
}

// list gives three sets a page, from the one that was asked for.
func (h *awsHost) list(w http.ResponseWriter, r *http.Request, p *panel) {
	sets := p.sets()
	slices.SortFunc(sets, func(a, b hostSet) int { return strings.Compare(a.name+" "+a.typ, b.name+" "+b.typ) })
	if name := r.URL.Query().Get("name"); name != "" {
		from := escapeStar(name) + " " + r.URL.Query().Get("type")
		sets = slices.DeleteFunc(sets, func(s hostSet) bool { return s.name+" "+s.typ < strings.ReplaceAll(from, `\052`, "*") })
	}
	var b strings.Builder
	for _, s := range sets[:min(3, len(sets))] {
		fmt.Fprintf(&b, "<ResourceRecordSet><Name>%s</Name><Type>%s</Type>", escapeStar(s.name), s.typ)
		if s.name+" "+s.typ == h.alias {
			b.WriteString("<AliasTarget><HostedZoneId>Z2</HostedZoneId><DNSName>lb.example.</DNSName><EvaluateTargetHealth>false</EvaluateTargetHealth></AliasTarget>")
		} else {
			fmt.Fprintf(&b, "<TTL>%d</TTL><ResourceRecords>", s.ttl)
			for _, d := range s.data {
				fmt.Fprintf(&b, "<ResourceRecord><Value>%s</Value></ResourceRecord>", text(d))
			}
			b.WriteString("</ResourceRecords>")
		}
		b.WriteString("</ResourceRecordSet>")
	}
	more := "<IsTruncated>false</IsTruncated>"
	if len(sets) > 3 {
		more = fmt.Sprintf("<IsTruncated>true</IsTruncated><NextRecordName>%s</NextRecordName><NextRecordType>%s</NextRecordType>", escapeStar(sets[3].name), sets[3].typ)
	}
	document(w, 200, "ListResourceRecordSetsResponse", "<ResourceRecordSets>"+b.String()+"</ResourceRecordSets>"+more+"<MaxItems>300</MaxItems>")
}

// apply deletes only what is there to the letter, and creates only what is
// not there.
func (b awsBatch) apply(p *panel) error {
	for _, c := range b.Changes {
		name := zone.Canonical(c.Set.Name)
		var there []string
		var ttl uint32
		for _, r := range p.rows {
			if is(name, c.Set.Type)(r) {
				there, ttl = append(there, r.data), r.ttl
			}
		}
		switch {
		case c.Action == "DELETE" && (c.Set.TTL == nil || *c.Set.TTL != ttl || !slices.Equal(there, c.Set.ResourceRecords)):
			return fmt.Errorf("Tried to delete resource record set [name='%s', type='%s'] but the values provided do not match the current values", name, c.Set.Type)
		case c.Action == "DELETE":
			p.remove(is(name, c.Set.Type))
		case len(there) > 0:
			return fmt.Errorf("Tried to create resource record set [name='%s', type='%s'] but it already exists", name, c.Set.Type)
		default:
			p.set(name, c.Set.Type, *c.Set.TTL, c.Set.ResourceRecords...)
		}
	}
	return nil
}

func (z awsZone) xml() string {
	return fmt.Sprintf("<HostedZone><Id>/hostedzone/%s</Id><Name>%s</Name><CallerReference>c</CallerReference><Config><PrivateZone>%v</PrivateZone></Config></HostedZone>", z.id, z.name, z.private)
}

func escapeStar(name string) string { return strings.ReplaceAll(name, "*", `\052`) }

func text(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s))
	return b.String()
}

func document(w http.ResponseWriter, code int, name, inner string) {
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(code)
	fmt.Fprintf(w, `<?xml version="1.0"?><%[1]s xmlns="https://route53.amazonaws.com/doc/2013-04-01/">%[2]s</%[1]s>`, name, inner)
}

func awsError(w http.ResponseWriter, code int, word, message string) {
	document(w, code, "ErrorResponse", "<Error><Type>Sender</Type><Code>"+word+"</Code><Message>"+text(message)+"</Message></Error><RequestId>1</RequestId>")
}

func TestRoute53ChoosesTheZone(t *testing.T) {
	t.Parallel()
	public, private, second := awsZone{"ZPUBLIC", "example.org.", false}, awsZone{"ZPRIVATE", "example.org.", true}, awsZone{"ZOLD", "example.org.", false}
	later := awsZone{"ZLATER", "example.orgs.", false}
	for name, tt := range map[string]struct {
		zones []awsZone
		named string
		text  string // of the refusal; empty: none
	}{
		"private beside it":       {[]awsZone{private, public, later}, "", ""},
		"private alone":           {[]awsZone{private}, "", "private zone only"},
		"two public ones":         {[]awsZone{public, second}, "", "ZPUBLIC, ZOLD"},
		"two, and one is named":   {[]awsZone{second, public}, "ZPUBLIC", ""},
		"a private one is named":  {[]awsZone{private, public}, "ZPRIVATE", "is private"},
		"another zone is named":   {[]awsZone{public, later}, "ZLATER", "is not example.org."},
		"an unknown one is named": {[]awsZone{public}, "ZNONE", "NoSuchHostedZone"},
		"a similar name":          {[]awsZone{later}, "", "no zone example.org."},
	} {
		p := newPanel(t, (&awsHost{zones: tt.zones}).api)
		r := &publish.Route53{AccessKey: rightToken, SecretKey: "secret-key", API: p.api()}
		if tt.named != "" {
			r.Zones = map[string]string{"example.org": tt.named}
		}
		err := r.Publish(t.Context(), "example.org", []dnsplan.Change{update(oldMX, newMX)})
		if tt.text == "" && err != nil || tt.text != "" && (!errors.Is(err, publish.ErrRefused) || !strings.Contains(err.Error(), tt.text)) {
			t.Errorf("%s: Publish = %v, want %q", name, err, tt.text)
		}
	}
}

func TestRoute53LeavesAliasesAlone(t *testing.T) {
	t.Parallel()
	p := newPanel(t, (&awsHost{zones: []awsZone{{"ZPUBLIC", "example.org.", false}}, alias: "autodiscover.example.org. A"}).api)
	s := awsOf(p)
	err := s.publisher.Publish(t.Context(), "example.org", []dnsplan.Change{update(oldA, nil)})
	if !errors.Is(err, publish.ErrRefused) {
		t.Errorf("Publish = %v, want ErrRefused", err)
	}
	all, err := s.publisher.(publish.Lister).List(t.Context(), "example.org")
	if err != nil || !slices.Contains(all.Opaque, zone.Key{Name: "autodiscover.example.org.", Type: dns.TypeA}) {
		t.Errorf("Opaque = %v, %v", all.Opaque, err)
	}
	if all.Zone.Get("*.example.org.", dns.TypeA) == nil {
		t.Error("the wildcard is missing in the list")
	}
}

// TestRoute53WritesOctets sends octets that Route 53 escapes in octal, and
// master files in decimal.
func TestRoute53WritesOctets(t *testing.T) {
	t.Parallel()
	s := awsSite(t)
	p := s.panel
	want := set("x.example.org.", dns.TypeTXT, 300, zone.TXT("caf\xc3\xa9 \"quoted\" \\"))
	// The panel holds Amazon's form, which no parser of master files reads
	// alike, so the list is what counts.
	mustPublish(t, s, update(nil, want))
	p.mu.Lock()
	got := ""
	for _, r := range p.rows {
		if is("x.example.org.", "TXT")(r) {
			got = r.data
		}
	}
	p.mu.Unlock()
	if want := `"caf\303\251 \"quoted\" \\"`; got != want {
		t.Errorf("sent %s, want %s", got, want)
	}
	mustPublish(t, s, update(want, nil))
}
