package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// aggregate writes a DMARC aggregate report for a period that lies so long
// ago: aggregate FILE BEGAN ENDED IP,COUNT,SIGNER/SELECTOR,DKIM,SPF... The
// name's end chooses the form: .xml, .gz or .eml.
func aggregate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 {
		ts.Fatalf("usage: aggregate FILE BEGAN ENDED IP,COUNT,SIGNER/SELECTOR,DKIM,SPF...")
	}
	began, err := time.ParseDuration(args[1])
	ts.Check(err)
	ended, err := time.ParseDuration(args[2])
	ts.Check(err)
	doc := []byte(aggregateXML(filepath.Base(args[0]), time.Now().Add(-began), time.Now().Add(-ended), args[3:]))
	if ext := filepath.Ext(args[0]); ext != ".xml" {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, err := w.Write(doc)
		ts.Check(err)
		ts.Check(w.Close())
		doc = b.Bytes()
		if ext == ".eml" {
			doc = aggregateMail(doc)
		}
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), doc, 0o600))
}

func aggregateXML(id string, began, ended time.Time, rows []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<?xml version="1.0"?><feedback><report_metadata><org_name>receiver.example</org_name><email>dmarc@receiver.example</email>
<report_id>%s</report_id><date_range><begin>%d</begin><end>%d</end></date_range></report_metadata>
<policy_published><domain>example.org</domain><p>quarantine</p></policy_published>`, id, began.Unix(), ended.Unix())
	for _, row := range rows {
		f := strings.Split(row, ",")
		signer, selector, _ := strings.Cut(f[2], "/")
		fmt.Fprintf(&b, `<record><row><source_ip>%s</source_ip><count>%s</count><policy_evaluated><disposition>none</disposition><dkim>%s</dkim><spf>%s</spf></policy_evaluated></row>
<identifiers><header_from>example.org</header_from></identifiers><auth_results>`, f[0], f[1], f[3], f[4])
		if signer != "" {
			fmt.Fprintf(&b, `<dkim><domain>%s</domain><selector>%s</selector><result>pass</result></dkim>`, signer, selector)
		}
		fmt.Fprintf(&b, `<spf><domain>example.org</domain><result>%s</result></spf></auth_results></record>`, f[4])
	}
	return b.String() + "</feedback>"
}

func aggregateMail(attached []byte) []byte {
	return fmt.Appendf(nil, "From: dmarc@receiver.example\r\nTo: info@example.org\r\nSubject: Report Domain: example.org Submitter: receiver.example\r\nMIME-Version: 1.0\r\n"+
		"Content-Type: application/gzip; name=\"receiver.example!example.org!1!2.xml.gz\"\r\nContent-Transfer-Encoding: base64\r\n\r\n%s\r\n",
		base64.StdEncoding.EncodeToString(attached))
}

// post delivers a file as a message: post ADDRESS FILE.
func post(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: post ADDRESS FILE")
	}
	ts.Check((*world(ts)).Deliver(context.Background(), "dmarc@receiver.example", args[0], []byte(ts.ReadFile(args[1]))))
}

// sign signs a message as receiver.example does, in place: sign FILE.
func sign(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: sign FILE")
	}
	msg, err := (*world(ts)).SignReport([]byte(ts.ReadFile(args[0])))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), msg, 0o600))
}

// tlsJSON is a TLS report of the day until a time: ten sessions went well, and
// two failed at the new exchanger.
func tlsJSON(until time.Time) string {
	return fmt.Sprintf(`{"organization-name":"sender.example","report-id":"t1","date-range":{"start-datetime":%q,"end-datetime":%q},
"policies":[{"policy":{"policy-type":"sts","policy-domain":"example.org"},"summary":{"total-successful-session-count":10,"total-failure-session-count":2},
"failure-details":[{"result-type":"certificate-host-mismatch","receiving-mx-hostname":"mx1.provider.example","failed-session-count":2}]}]}`,
		until.Add(-24*time.Hour).UTC().Format(time.RFC3339), until.UTC().Format(time.RFC3339))
}

// tlsReport writes such a report: tlsreport FILE.
func tlsReport(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: tlsreport FILE")
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(tlsJSON(time.Now())), 0o600))
}
