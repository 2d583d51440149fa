package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mxmove/mxmove/dnsplan/dnslab"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

// panel does what a person does who has a sheet: it puts the changes of a
// stage of plan.json into the zone, one by one: panel DIR STAGE.
func panel(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: panel DIR STAGE")
	}
	type records struct {
		TTL  uint32
		Data []string
	}
	var plan struct {
		Stages []struct {
			Stage   string
			Changes []struct {
				Name, Type string
				After      *records
			}
		}
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(filepath.Join(args[0], ".mxmove", "plan.json"))), &plan))
	typed := 0
	for _, stage := range plan.Stages {
		if stage.Stage != args[1] {
			continue
		}
		for _, c := range stage.Changes {
			typ, err := zone.ParseType(c.Type)
			ts.Check(err)
			if c.After == nil {
				ts.Check((*world(ts)).DNS.Delete(c.Name, typ))
			} else {
				ts.Check((*world(ts)).DNS.Set(zone.RRset{Name: c.Name, Type: typ, TTL: c.After.TTL, Data: c.After.Data}))
			}
			typed++
		}
	}
	if typed == 0 {
		ts.Fatalf("the plan changes nothing in the stage %s", args[1])
	}
}

// zoneFile writes the zone that the lab serves as a master file: zonefile FILE.
func zoneFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: zonefile FILE")
	}
	var text strings.Builder
	text.WriteString("; kept by hand\n")
	ts.Check((*world(ts)).DNS.Zone("example.org.").Write(&text))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text.String()), 0o600))
}

// reload lets the lab serve what a master file holds: reload FILE.
func reload(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: reload FILE")
	}
	z, err := zone.Read(strings.NewReader(ts.ReadFile(args[0])), "example.org.", args[0])
	ts.Check(err)
	ts.Check((*world(ts)).DNS.Put(z))
}

// await wants a text in a file that a command in the background writes: await
// FILE TEXT.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await FILE TEXT")
	}
	text := ""
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		data, err := os.ReadFile(ts.MkAbs(args[0]))
		if text = string(data); err == nil && strings.Contains(text, args[1]) {
			return
		}
	}
	ts.Fatalf("%s has no %q: %s", args[0], args[1], text)
}

// startDeSEC serves the API of deSEC over the lab's zone, and leads the
// program there: desec DIR TOKEN.
func startDeSEC(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: desec DIR TOKEN")
	}
	cert, authority := selfSigned(ts, "desec.io")
	s := httptest.NewUnstartedServer(&desec{dns: (*world(ts)).DNS, token: args[1]})
	s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	s.StartTLS()
	ts.Defer(s.Close)
	ca := filepath.Join(args[0], "ca.pem")
	ts.Check(os.WriteFile(ts.MkAbs(ca), append([]byte(ts.ReadFile(ca)), authority...), 0o600))
	replace(ts, false, []string{filepath.Join(args[0], "mxmove.yaml"), "  connect:\\n", `  connect:\n    "desec.io:443": "` + s.Listener.Addr().String() + `"\n`})
}

// selfSigned makes a certificate for a name, which vouches for itself.
func selfSigned(ts *testscript.TestScript, name string) (tls.Certificate, []byte) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	ts.Check(err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// A desec is the part of deSEC's API that the program uses, as its
// documentation describes it. The first write of all is refused because of a
// limit, and the answer to the second one is lost after it was carried out.
type desec struct {
	dns    *dnslab.Lab
	token  string
	writes int
}

type desecRRset struct {
	Subname string   `json:"subname"`
	Type    string   `json:"type"`
	TTL     uint32   `json:"ttl"`
	Records []string `json:"records"`
}

// ServeHTTP answers one request.
func (d *desec) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	const rrsets = "/api/v1/domains/example.org/rrsets/"
	switch {
	case r.Header.Get("Authorization") != "Token "+d.token:
		http.Error(w, `{"detail":"Invalid token."}`, http.StatusUnauthorized)
	case r.Method == http.MethodGet && r.URL.Path == "/api/v1/domains/example.org/":
		fmt.Fprint(w, `{"name":"example.org","minimum_ttl":1}`)
	case r.Method == http.MethodGet && r.URL.Path == rrsets:
		d.list(w)
	case r.Method == http.MethodPatch && r.URL.Path == rrsets:
		d.write(w, r)
	default:
		http.Error(w, `{"detail":"Not found."}`, http.StatusNotFound)
	}
}

func (d *desec) list(w http.ResponseWriter) {
	z := d.dns.Zone("example.org.")
	var sets []desecRRset
	for _, s := range z.All() {
		sub := strings.TrimSuffix(strings.TrimSuffix(s.Name, "example.org."), ".")
		sets = append(sets, desecRRset{sub, s.TypeName(), s.TTL, s.Data})
	}
	if err := json.NewEncoder(w).Encode(sets); err != nil {
		panic(http.ErrAbortHandler) // the program has gone
	}
}

func (d *desec) write(w http.ResponseWriter, r *http.Request) {
	var sets []desecRRset
	if err := json.NewDecoder(r.Body).Decode(&sets); err != nil {
		http.Error(w, `{"detail":"JSON parse error"}`, http.StatusBadRequest)
		return
	}
	if d.writes++; d.writes == 1 {
		w.Header().Set("Retry-After", "1")
		http.Error(w, `{"detail":"Request was throttled. Expected available in 1 second."}`, http.StatusTooManyRequests)
		return
	}
	for _, s := range sets {
		typ, err := zone.ParseType(s.Type)
		name := strings.TrimPrefix(s.Subname+".example.org.", ".")
		switch {
		case err != nil:
		case len(s.Records) == 0:
			err = d.dns.Delete(name, typ)
		default:
			err = d.dns.Set(zone.RRset{Name: name, Type: typ, TTL: s.TTL, Data: s.Records})
		}
		if err != nil {
			http.Error(w, `{"detail":"no"}`, http.StatusBadRequest)
			return
		}
	}
	if d.writes == 2 {
		panic(http.ErrAbortHandler)
	}
	d.list(w)
}
