package report_test

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/mxmove/mxmove/migrate"
	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/report"
)

// render returns the page of a record and its tree.
func render(t testing.TB, rec migrate.Record) (string, *html.Node) {
	t.Helper()
	var b bytes.Buffer
	if err := report.New(rec).HTML(&b); err != nil {
		t.Fatal(err)
	}
	tree, err := html.Parse(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	return b.String(), tree
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func hasClass(n *html.Node, class string) bool {
	return slices.Contains(strings.Fields(attr(n, "class")), class)
}

// find returns the elements below n that have the tag and the class; empty
// matches every one.
func find(n *html.Node, tag, class string) []*html.Node {
	var found []*html.Node
	for d := range n.Descendants() {
		if d.Type == html.ElementNode && (tag == "" || d.Data == tag) && (class == "" || hasClass(d, class)) {
			found = append(found, d)
		}
	}
	return found
}

// text returns what is read in n.
func text(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func TestPageIsInert(t *testing.T) {
	t.Parallel()
	for name, rec := range map[string]migrate.Record{"full": full(), "hostile": outside(attack), "empty": {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			raw, tree := render(t, rec)
			tags := []string{
				"html", "head", "meta", "title", "style", "body", "header", "main", "footer", "nav", "section", "div", "p", "span", "a", "b", "br",
				"h1", "h2", "h3", "ul", "ol", "li", "dl", "dt", "dd", "small", "code", "bdi", "blockquote", "details", "summary",
				"table", "thead", "tbody", "tfoot", "tr", "th", "td", "svg", "rect",
			}
			for _, n := range find(tree, "", "") {
				if !slices.Contains(tags, n.Data) {
					t.Errorf("the page has an element %q", n.Data)
				}
				for _, a := range n.Attr {
					switch {
					case strings.HasPrefix(a.Key, "on"), a.Key == "style", a.Key == "src", a.Key == "srcset":
						t.Errorf("<%s> has the attribute %s=%q", n.Data, a.Key, a.Val)
					case a.Key == "href" && !strings.HasPrefix(a.Val, "#"):
						t.Errorf("<%s> leads to %q", n.Data, a.Val)
					}
				}
			}
			for _, n := range find(tree, "style", "") {
				for _, word := range []string{"url(", "@import", "http", "ZgotmplZ"} {
					if strings.Contains(n.FirstChild.Data, word) {
						t.Errorf("the style has %q in it", word)
					}
				}
			}
			if strings.ContainsAny(raw, "\u202e\u2066\x1b\x00") || strings.Contains(raw, "ZgotmplZ") {
				t.Error("what steers how text is shown was not written out")
			}
			if csp := find(tree, "meta", ""); !slices.ContainsFunc(csp, func(n *html.Node) bool {
				return attr(n, "http-equiv") == "Content-Security-Policy" && strings.HasPrefix(attr(n, "content"), "default-src 'none'")
			}) {
				t.Error("the page does not forbid itself to fetch anything")
			}
		})
	}
}

func TestPageWritesMarksOut(t *testing.T) {
	t.Parallel()
	rec := full()
	rec.Balance.Accounts[0].Mailboxes[0].Source = "cod\u202egpj.exe"
	_, tree := render(t, rec)
	if got := text(find(tree, "tbody", "")[0]); !strings.Contains(got, "cod[U+202E]gpj.exe") {
		t.Errorf("the first mailbox reads %.40q", got)
	}
}

func TestPageAnswersInOrder(t *testing.T) {
	t.Parallel()
	_, tree := render(t, full())
	var got []string
	for _, n := range find(tree, "", "") {
		if id := attr(n, "id"); id != "" {
			got = append(got, id)
		}
	}
	want := []string{"standing", "balance", "alignment", "senders", "timeline", "dns", "findings", "next"}
	if !slices.Equal(got, want) {
		t.Errorf("the parts are %v, want %v", got, want)
	}
	for _, n := range find(tree, "a", "") {
		if id := strings.TrimPrefix(attr(n, "href"), "#"); !slices.Contains(want, id) {
			t.Errorf("a link leads to %q, which is not there", id)
		}
	}
}

func TestPageSaysWhatAFindingRefuses(t *testing.T) {
	t.Parallel()
	block := func(stage string) finding.Finding {
		return finding.Finding{Severity: finding.Block, Code: finding.SPFTooManyLookups, Text: "A finding.", Stage: stage}
	}
	tests := []struct {
		name  string
		found finding.Finding
		want  string
	}{
		{"every stage", block(""), "every stage"},
		{"a later stage", block("switch"), "from the switch stage on; what comes before may be published"},
		{"a stage that steers", block("sw\u202eitch"), "from the sw[U+202E]itch stage on"},
		{"a warning", finding.Finding{Severity: finding.Warn, Code: finding.SPFTooManyLookups, Text: "A finding.", Stage: "switch"}, ""},
	}
	for _, tt := range tests {
		rec := full()
		rec.Plan.Findings = []finding.Finding{tt.found}
		_, tree := render(t, rec)
		cards := find(tree, "div", "finding")
		got := text(cards[len(cards)-1])
		if strings.Contains(got, "refuses") != (tt.want != "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s: the card reads %q, want %q in it", tt.name, got, tt.want)
		}
	}
}

// shownNumber reads a number with its thousands apart.
func shownNumber(t *testing.T, n *html.Node) int {
	t.Helper()
	v, err := strconv.Atoi(strings.Join(strings.Fields(text(n)), ""))
	if err != nil {
		t.Fatalf("%q is no number", text(n))
	}
	return v
}

// shown reads a row of a table: the head of each column with its number.
func shown(t *testing.T, tr *html.Node) map[string]int {
	t.Helper()
	m := make(map[string]int)
	for _, td := range find(tr, "td", "")[1:] {
		m[attr(td, "data-head")] = shownNumber(t, td)
	}
	return m
}

func TestNumbersAreTheRecords(t *testing.T) {
	t.Parallel()
	rec := full()
	_, tree := render(t, rec)
	accounts := find(tree, "details", "account")
	if len(accounts) != len(rec.Balance.Accounts) {
		t.Fatalf("the page has %d accounts, want %d", len(accounts), len(rec.Balance.Accounts))
	}
	for i, a := range rec.Balance.Accounts {
		if got := text(find(accounts[i], "h3", "")[0]); got != a.Address {
			t.Errorf("account %d is %q, want %q", i, got, a.Address)
		}
		rows := find(find(accounts[i], "tbody", "")[0], "tr", "")
		sum := make(map[string]int)
		for j, mb := range a.Mailboxes {
			want := map[string]int{
				"messages": mb.Messages, "copied": mb.Copied, "present": mb.Present, "merged": mb.Merged,
				"refused": mb.Refused, "gone": mb.Gone, "extra": mb.Extra,
			}
			got := shown(t, rows[j])
			for head, n := range want {
				if got[head] != n {
					t.Errorf("%s %s: %d %s, want %d", a.Address, mb.Source, got[head], head, n)
				}
				sum[head] += n
			}
		}
		got := shown(t, find(accounts[i], "tfoot", "")[0])
		for head, n := range sum {
			if got[head] != n {
				t.Errorf("%s: the sum of %s is %d, want %d", a.Address, head, got[head], n)
			}
		}
	}
	if got, want := text(find(tree, "p", "equation")[0]), "1 560 = 1 544 copied + 12 present + 1 merged + 1 refused + 2 gone"; got != want {
		t.Errorf("the sum reads %q, want %q", got, want)
	}
}

func TestBarsAreWhole(t *testing.T) {
	t.Parallel()
	rec := full()
	m := &rec.Balance.Accounts[0].Mailboxes[0]
	m.Messages, m.Copied = m.Messages+5000000, m.Copied+5000000 // one refused of five millions
	_, tree := render(t, rec)
	bars := find(tree, "svg", "bar")
	if len(bars) != 5 {
		t.Fatalf("the page has %d bars, want 5", len(bars))
	}
	for i, bar := range bars {
		x := 0
		for _, r := range find(bar, "rect", "") {
			at, _ := strconv.Atoi(attr(r, "x"))
			width, _ := strconv.Atoi(attr(r, "width"))
			if at != x || width < 8 {
				t.Errorf("bar %d: %s begins at %d with a width of %d, want %d and no less than 8", i, attr(r, "class"), at, width, x)
			}
			x = at + width
		}
		if x != 1000 {
			t.Errorf("bar %d ends at %d, want 1000", i, x)
		}
	}
	if got := len(find(bars[1], "rect", "")); got != 4 {
		t.Errorf("the bar of the first mailbox has %d states, want 4", got)
	}
}

// shape is the tree of a page without its texts.
func shape(tree *html.Node) []string {
	var s []string
	for d := range tree.Descendants() {
		if d.Type == html.ElementNode {
			s = append(s, d.Data)
			for _, a := range d.Attr {
				s = append(s, " "+a.Key)
			}
		}
	}
	return s
}

// FuzzOutsideText asks that no text from outside changes the page's elements
// or attributes.
func FuzzOutsideText(f *testing.F) {
	for _, seed := range []string{attack, "&lt;b&gt;", "</title><x>", "{{.}}", "-->", "\x00\xff", "javascript:x", "a\u2028b", " ", "'", "`"} {
		f.Add(seed)
	}
	_, tree := render(f, outside("a text"))
	want := shape(tree)
	words := []string{"", "done", "undone", "pass", "fail", "passed", "refused", "accepted", "not-measured", "MX004"}
	f.Fuzz(func(t *testing.T, s string) {
		if slices.Contains(words, s) || strings.TrimRight(s, "2") != s {
			t.Skip("a word that the page answers to")
		}
		if _, tree := render(t, outside(s)); !slices.Equal(shape(tree), want) {
			t.Errorf("the page has other elements with %q in it", s)
		}
	})
}

// TestHeading names the provider as people do, and nobody before there is a
// plan.
func TestHeading(t *testing.T) {
	t.Parallel()
	planned, early := full(), full()
	early.Plan, early.Provider = nil, ""
	for _, tt := range []struct {
		rec  migrate.Record
		want string
	}{{planned, "The move of example.org to Provider of the lab"}, {early, "The move of example.org"}} {
		_, tree := render(t, tt.rec)
		if got := text(find(tree, "h1", "")[0]); got != tt.want {
			t.Errorf("the heading is %q, want %q", got, tt.want)
		}
	}
}
