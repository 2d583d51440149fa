package publish

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

// Route53 publishes by Amazon's Route 53, all changes of a call as one change
// batch: what goes has to be there to the letter and what comes must not be
// there, so that the batch compares and writes in one. Only public zones are
// looked at; a private zone of the same name is somebody's inside view.
type Route53 struct {
	AccessKey    string
	SecretKey    string
	SessionToken string            // of temporary credentials, or empty
	Zones        map[string]string // zone id by apex, where several public zones have the same name
	API
}

// Abilities reports one transaction that compares.
func (p *Route53) Abilities() Abilities { return Abilities{Name: "route53", Swap: true, Atomic: true} }

// Publish makes the changes.
func (p *Route53) Publish(ctx context.Context, apex string, changes []dnsplan.Change) error {
	return put(ctx, p, apex, changes)
}

// List reads the zone. Aliases and the sets of a routing policy are opaque.
func (p *Route53) List(ctx context.Context, apex string) (Listing, error) { return list(ctx, p, apex) }

// Check asks for the zone.
func (p *Route53) Check(ctx context.Context, apex string) error { return check(ctx, p, apex) }

func (p *Route53) rest() rest {
	return rest{
		API: p.API, vendor: "route53", root: "https://route53.amazonaws.com",
		sign: func(*http.Request, []byte) {}, secrets: []string{p.SecretKey, p.SessionToken},
	}
}

// client is Amazon's own, with the bounds and the trust of every other API.
func (p *Route53) client(ctx context.Context) (*route53.Client, error) {
	c := p.rest()
	if _, err := c.request(ctx, http.MethodGet, "/", nil); err != nil {
		return nil, err // the address
	}
	o := route53.Options{
		Region: "us-east-1", HTTPClient: bounded{c}, Retryer: aws.NopRetryer{},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: p.AccessKey, SecretAccessKey: p.SecretKey, SessionToken: p.SessionToken}, nil
		}),
	}
	if p.Base != "" {
		o.BaseEndpoint = aws.String(p.Base)
	}
	return route53.New(o), nil
}

// find returns the id of the public zone.
func (p *Route53) find(ctx context.Context, c *route53.Client, apex string) (string, error) {
	for name, id := range p.Zones {
		if zone.Canonical(name) == apex {
			return p.named(ctx, c, apex, id)
		}
	}
	var out *route53.ListHostedZonesByNameOutput
	err := p.ask(ctx, func() (err error) {
		out, err = c.ListHostedZonesByName(ctx, &route53.ListHostedZonesByNameInput{DNSName: aws.String(apex)})
		return err
	})
	if err != nil {
		return "", err
	}
	var public []string
	private := 0
	for _, z := range out.HostedZones {
		switch {
		case zone.Canonical(aws.ToString(z.Name)) != apex:
		case z.Config != nil && z.Config.PrivateZone:
			private++
		default:
			public = append(public, strings.TrimPrefix(aws.ToString(z.Id), "/hostedzone/"))
		}
	}
	switch {
	case len(public) > 1:
		return "", fmt.Errorf("route53: %w: there are %d public zones %s (%s); name the one that is delegated to",
			ErrRefused, len(public), apex, strings.Join(public, ", "))
	case len(public) == 0 && private > 0:
		return "", fmt.Errorf("route53: %w: the account holds %s as a private zone only", ErrRefused, apex)
	case len(public) == 0:
		return "", noZone("route53", apex)
	}
	return public[0], nil
}

// named checks a zone id that somebody wrote down.
func (p *Route53) named(ctx context.Context, c *route53.Client, apex, id string) (string, error) {
	var out *route53.GetHostedZoneOutput
	err := p.ask(ctx, func() (err error) {
		out, err = c.GetHostedZone(ctx, &route53.GetHostedZoneInput{Id: aws.String(id)})
		return err
	})
	switch {
	case err != nil:
		return "", err
	case out.HostedZone == nil || zone.Canonical(aws.ToString(out.HostedZone.Name)) != apex:
		return "", fmt.Errorf("route53: %w: the zone %s is not %s", ErrRefused, p.rest().shown(id), apex)
	case out.HostedZone.Config != nil && out.HostedZone.Config.PrivateZone:
		return "", fmt.Errorf("route53: %w: the zone %s is private", ErrRefused, p.rest().shown(id))
	}
	return id, nil
}

func (p *Route53) read(ctx context.Context, apex string) (*book, error) {
	c, err := p.client(ctx)
	if err != nil {
		return nil, err
	}
	id, err := p.find(ctx, c, apex)
	if err != nil {
		return nil, err
	}
	b := newBook(apex, id, 0)
	in := &route53.ListResourceRecordSetsInput{HostedZoneId: aws.String(id), MaxItems: aws.Int32(300)}
	for range maxPages {
		var out *route53.ListResourceRecordSetsOutput
		err := p.ask(ctx, func() (err error) {
			out, err = c.ListResourceRecordSets(ctx, in)
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, s := range out.ResourceRecordSets {
			awsEnter(b, s)
		}
		if !out.IsTruncated {
			return b, nil
		}
		in.StartRecordName, in.StartRecordType, in.StartRecordIdentifier = out.NextRecordName, out.NextRecordType, out.NextRecordIdentifier
	}
	return nil, fmt.Errorf("route53: %w: a listing without end", ErrUnavailable)
}

// awsEnter enters one set. What Route 53 computes when it is asked is opaque.
func awsEnter(b *book, s types.ResourceRecordSet) {
	name := decimal(aws.ToString(s.Name))
	if s.AliasTarget != nil || s.SetIdentifier != nil {
		if typ, err := zone.ParseType(string(s.Type)); err == nil {
			b.opaque(zone.Key{Name: zone.Canonical(name), Type: typ}, "it is an alias or has a routing policy; replace it by plain records in the console first")
		}
		return
	}
	for _, r := range s.ResourceRecords {
		raw := aws.ToString(r.Value)
		data := raw
		if s.Type == types.RRTypeTxt || s.Type == types.RRTypeSpf {
			data = decimal(raw)
		}
		b.add(name, string(s.Type), record{data: data, raw: raw, ttl: uint32(max(0, min(aws.ToInt64(s.TTL), 1<<31-1)))})
	}
}

func (p *Route53) write(ctx context.Context, b *book, due []live) error {
	c, err := p.client(ctx)
	if err != nil {
		return err
	}
	var deletes, creates []types.Change
	for _, l := range due {
		if l.now != nil {
			deletes = append(deletes, awsChange(types.ChangeActionDelete, *l.now, b.raw(*l.now)))
		}
		if l.After != nil {
			var values []string
			for _, data := range l.After.Data {
				values = append(values, octal(data, l.After.Type))
			}
			creates = append(creates, awsChange(types.ChangeActionCreate, *l.After, values))
		}
	}
	// That the batch is PENDING at first does no harm: the list shows it at
	// once, and whether the servers do is asked of the servers.
	return p.rest().repeat(ctx, http.MethodPost, func() error {
		_, err := c.ChangeResourceRecordSets(ctx, &route53.ChangeResourceRecordSetsInput{
			HostedZoneId: aws.String(b.id),
			ChangeBatch:  &types.ChangeBatch{Changes: append(deletes, creates...)},
		})
		return p.failure(err)
	})
}

// ask reads, with further tries where the server is in trouble.
func (p *Route53) ask(ctx context.Context, request func() error) error {
	return p.rest().repeat(ctx, http.MethodGet, func() error { return p.failure(request()) })
}

func awsChange(action types.ChangeAction, s zone.RRset, values []string) types.Change {
	set := &types.ResourceRecordSet{Name: aws.String(s.Name), Type: types.RRType(s.TypeName()), TTL: aws.Int64(int64(s.TTL))}
	for _, v := range values {
		set.ResourceRecords = append(set.ResourceRecords, types.ResourceRecord{Value: aws.String(v)})
	}
	return types.Change{Action: action, ResourceRecordSet: set}
}

// raw returns the data of an RRset to the letter.
func (b *book) raw(s zone.RRset) []string {
	var values []string
	for _, r := range b.held[s.Key()] {
		values = append(values, r.raw)
	}
	return values
}

// decimal turns the octal escapes of Route 53 into those of master files.
func decimal(text string) string {
	return escapes(text, func(d string) (string, bool) {
		n, err := strconv.ParseUint(d, 8, 8)
		if err != nil {
			return "", false
		}
		if n == '*' {
			return "*", true // a wildcard's label
		}
		return fmt.Sprintf(`\%03d`, n), true
	})
}

// octal turns the decimal escapes of a text into those of Route 53.
func octal(data string, typ uint16) string {
	if typ != dns.TypeTXT && typ != dns.TypeSPF {
		return data
	}
	return escapes(data, func(d string) (string, bool) {
		n, err := strconv.ParseUint(d, 10, 8)
		if err != nil {
			return "", false
		}
		return fmt.Sprintf(`\%03o`, n), true
	})
}

// escapes rewrites every \DDD of a text, and leaves \X alone.
func escapes(text string, rewrite func(digits string) (string, bool)) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			b.WriteByte(text[i])
			continue
		}
		if i+4 <= len(text) {
			if new, ok := rewrite(text[i+1 : i+4]); ok {
				b.WriteString(new)
				i += 3
				continue
			}
		}
		b.WriteString(text[i : i+2])
		i++
	}
	return b.String()
}

// bounded is the HTTP client that Amazon's module is given.
type bounded struct{ rest }

// Do makes a request with a deadline of its own.
func (c bounded) Do(r *http.Request) (*http.Response, error) {
	client := c.client()
	client.Timeout = c.timeout()
	return client.Do(r)
}

// failure turns an error of Amazon's module into one of ours.
func (p *Route53) failure(err error) error {
	if err == nil {
		return nil
	}
	c := p.rest()
	var api interface {
		ErrorCode() string
		ErrorMessage() string
	}
	var resp interface{ HTTPStatusCode() int }
	if !errors.As(err, &api) || !errors.As(err, &resp) {
		return fmt.Errorf("route53: %w: %s", ErrUnavailable, c.shown(err.Error()))
	}
	e := &statusError{vendor: "route53", method: "call", code: resp.HTTPStatusCode(), kind: ErrUnavailable, text: c.shown(api.ErrorCode() + ": " + api.ErrorMessage())}
	switch {
	case strings.Contains(api.ErrorCode(), "Throttl") || api.ErrorCode() == "PriorRequestNotComplete":
		e.code = http.StatusTooManyRequests // Amazon says 400
	case e.code < 500 && e.code != http.StatusTooManyRequests:
		e.kind = ErrRefused
	}
	return e
}
