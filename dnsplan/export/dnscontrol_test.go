package export_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/export"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

// prelude gives the script the functions that dnscontrol would, and prints
// what it says.
const prelude = `"use strict";
const out = [];
const NO_PURGE = "NO_PURGE";
const NewRegistrar = () => "r", NewDnsProvider = () => "p", DnsProvider = () => "P";
const TTL = (n) => ({ttl: n}), ENSURE_ABSENT_REC = () => ({absent: true});
const record = (type, n) => (name, ...args) => Object.assign({type, name, data: args.slice(0, n)}, ...args.slice(n));
const A = record("A", 1), AAAA = record("AAAA", 1), CNAME = record("CNAME", 1), NS = record("NS", 1);
const MX = record("MX", 2), SRV = record("SRV", 4), TLSA = record("TLSA", 4), TXT = record("TXT", 1);
const D = (domain, registrar, provider, purge, ...records) => out.push({domain, purge, records});
`

// TestDNSControl runs each script in Node and compares what it says with the
// stage.
func TestDNSControl(t *testing.T) {
	t.Parallel()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed, so nobody can run the script")
	}
	// One process for all of them: starting one costs more than the test.
	var script strings.Builder
	script.WriteString(prelude)
	type stage struct {
		story
		stage dnsplan.Stage
	}
	var all []stage
	for _, s := range stories(t) {
		for _, st := range dnsplan.Stages {
			all = append(all, stage{s, st})
			fmt.Fprintf(&script, "out.push(null);{\n%s}\n", write(t, export.DNSControl, s, st))
		}
	}
	script.WriteString("console.log(JSON.stringify(out));\n")
	cmd := exec.CommandContext(t.Context(), node, "-")
	cmd.Stdin = strings.NewReader(script.String())
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	text, err := cmd.Output()
	if err != nil {
		t.Fatalf("node: %v\n%s", err, stderr.String())
	}
	var said []*domain
	if err := json.Unmarshal(text, &said); err != nil {
		t.Fatal(err)
	}
	n := -1
	got := make([]*domain, len(all))
	for _, d := range said {
		if d == nil {
			n++
		} else {
			got[n] = d
		}
	}
	for i, s := range all {
		compare(t, s.name+" "+string(s.stage), got[i], s.story, s.stage)
	}
}

type domain struct {
	Domain  string
	Purge   string
	Records []struct {
		Type, Name string
		Data       []any
		TTL        uint32
		Absent     bool
	}
}

func compare(t *testing.T, what string, d *domain, s story, stage dnsplan.Stage) {
	t.Helper()
	stay, gone := after(s, stage)
	if d == nil {
		d = &domain{Domain: "example.org", Purge: "NO_PURGE"}
	}
	if d.Domain != "example.org" || d.Purge != "NO_PURGE" {
		t.Errorf("%s: domain %q with %q", what, d.Domain, d.Purge)
	}
	got, absent := zone.New("example.org.", zone.File), zone.New("example.org.", zone.File)
	for _, r := range d.Records {
		to := &got
		if r.Absent {
			to = &absent
		}
		typ := dns.StringToType[r.Type]
		name := strings.TrimPrefix(r.Name+".example.org.", "@.")
		set := zone.RRset{Name: name, Type: typ, TTL: r.TTL}
		if have := to.Get(name, typ); have != nil {
			set.Data = have.Data
		}
		var fields []string
		for _, f := range r.Data {
			fields = append(fields, fmt.Sprint(f))
		}
		data := strings.Join(fields, " ")
		if typ == dns.TypeTXT {
			data = zone.TXT(data)
		}
		set.Data = append(set.Data, data)
		to.Put(set)
	}
	same(t, what, got, stay)
	want := zone.New("example.org.", zone.File)
	for _, set := range gone {
		want.Put(set)
	}
	same(t, what+": what goes", absent, want)
}
