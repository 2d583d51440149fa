package resolver

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate/finding"
)

// A survey is the views of all authoritative servers of a zone.
type survey struct {
	primary *view
	views   []*view
}

// findings compares the views with the primary's, and with the whole zone
// where there is one.
func (s survey) findings(base *zone.Zone) []finding.Finding {
	var found []finding.Finding
	for _, v := range s.views {
		switch {
		case v.err != nil:
			found = append(found, silent(v))
		case newer(v.soa.Serial, s.primary.soa.Serial):
			found = append(found, s.ahead(v))
		case v.soa.Serial != s.primary.soa.Serial:
			found = append(found, s.behind(v))
		}
	}
	for _, key := range s.asked() {
		if evidence := s.compare(key, base); evidence != nil {
			found = append(found, disagree(key, evidence))
		}
	}
	if evidence := s.primary.synthetic(base); len(evidence) > 0 {
		found = append(found, wildcard(s.primary.apex, evidence))
	}
	return found
}

// asked returns every key that somebody has, in the order of the DNS.
func (s survey) asked() []zone.Key {
	keys := make(map[zone.Key]zone.RRset)
	for _, v := range s.views {
		for key := range v.asked {
			keys[key] = zone.RRset{Name: key.Name, Type: key.Type}
		}
		for key := range v.found {
			keys[key] = zone.RRset{Name: key.Name, Type: key.Type}
		}
	}
	delete(keys, zone.Key{Name: s.primary.apex, Type: dns.TypeSOA})
	sets := slices.SortedFunc(maps.Values(keys), zone.Compare)
	sorted := make([]zone.Key, len(sets))
	for i, set := range sets {
		sorted[i] = set.Key()
	}
	return sorted
}

// compare returns the differing answers for one key, or nil when all agree.
func (s survey) compare(key zone.Key, base *zone.Zone) []string {
	want := s.primary.get(key)
	var evidence []string
	differ := false
	if base != nil {
		want = base.Get(key.Name, key.Type)
		evidence = append(evidence, fmt.Sprintf("%s: %s", base.Coverage, line(want)))
	}
	for _, v := range s.views {
		if v.err != nil || v.dropped(key) {
			continue
		}
		got := v.get(key)
		evidence = append(evidence, fmt.Sprintf("%s: %s", v.server, line(got)))
		differ = differ || !zone.Equal(got, want)
	}
	if !differ {
		return nil
	}
	return evidence
}

func disagree(key zone.Key, evidence []string) finding.Finding {
	return finding.Finding{
		Severity: finding.Block, Code: finding.ServersDisagree, Subject: key.String(),
		Text:     fmt.Sprintf("the authoritative servers do not agree about %s", key),
		Evidence: evidence,
		Fix:      "let every server serve the same zone, then plan again",
	}
}

func (s survey) ahead(v *view) finding.Finding {
	high, low := v.soa.Serial, s.primary.soa.Serial
	return finding.Finding{
		Severity: finding.Block, Code: finding.SecondaryAhead, Subject: v.server.String(),
		Text:     fmt.Sprintf("%s has a higher serial (%d) than %s (%d): it will not fetch the change", v.server, high, s.primary.server, low),
		Evidence: s.serials(),
		Fix:      fmt.Sprintf("raise the serial at %s above %d", s.primary.server, high),
	}
}

func (s survey) behind(v *view) finding.Finding {
	return finding.Finding{
		Severity: finding.Warn, Code: finding.SecondaryBehind, Subject: v.server.String(),
		Text:     fmt.Sprintf("%s (serial %d) has not fetched the latest change of %s (serial %d)", v.server, v.soa.Serial, s.primary.server, s.primary.soa.Serial),
		Evidence: s.serials(),
		Fix:      "wait a minute and plan again; if it stays, look into its log and at notify and allow-transfer",
	}
}

func (s survey) serials() []string {
	var lines []string
	for _, v := range s.views {
		if v.err == nil {
			lines = append(lines, fmt.Sprintf("%s: serial %d", v.server, v.soa.Serial))
		}
	}
	return lines
}

func silent(v *view) finding.Finding {
	return finding.Finding{
		Severity: finding.Warn, Code: finding.ServerSilent, Subject: v.server.String(),
		Text:     fmt.Sprintf("%s gives no answer about %s", v.server, v.apex),
		Evidence: []string{v.err.Error()},
		Fix:      "repair the server or take it out of the delegation: a change counts as visible only when every server shows it",
	}
}

func hiddenKeys(domain string) finding.Finding {
	return finding.Finding{
		Severity: finding.Note, Code: finding.HiddenSelectors, Subject: strings.TrimSuffix(domain, "."),
		Text:     "the domain has DKIM keys under selectors that were not found: the DNS cannot list them",
		Evidence: []string{"_domainkey." + domain + " exists"},
		Fix:      "give a transfer or a zone file as dns.snapshot, or look for s= in the DKIM-Signature of recent mail",
	}
}

func wildcard(apex string, evidence []string) finding.Finding {
	return finding.Finding{
		Severity: finding.Note, Code: finding.WildcardAnswers, Subject: apex,
		Text:     "a wildcard answers for names that do not exist; they were taken as absent",
		Evidence: evidence,
		Fix:      "nothing for the move; see whether the wildcard is still wanted",
	}
}
