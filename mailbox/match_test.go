package mailbox

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/internal/wire"
)

// cands writes candidates down: "header text size second claim" each, with
// the claims s(tored), d(oubted), u(nsent); a capital letter in the header
// means that it has no Message-ID, "-" that the text was not read.
func cands(lines ...string) []candidate {
	var all []candidate
	for i, line := range lines {
		f := strings.Fields(line)
		c := candidate{claim: unsent}
		c.UID = imap.UID(i + 1)
		c.Header = wire.Fingerprint([]byte("Subject: " + f[0] + "\r\n"))
		if f[0] == strings.ToLower(f[0]) {
			c.traits |= hasID
		}
		if f[1] != "-" {
			c.read = &content{text: wire.Fingerprint([]byte("Subject: text " + f[1] + "\r\n"))}
		}
		_, _ = fmt.Sscan(f[2], &c.Size)
		_, _ = fmt.Sscan(f[3], &c.seconds)
		if len(f) > 4 {
			c.claim = map[string]claim{"s": stored, "d": doubted, "u": unsent}[f[4]]
		}
		all = append(all, c)
	}
	return all
}

func TestMatch(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name           string
		source, target []candidate
		want           string // pairs of places, after them how many groups were read
		verify         string // the same where what is evident is not read; empty: as want
	}{
		{"nothing there", cands("a x 1 1"), nil, "[] 0", ""},
		{"the one that is there", cands("a x 1 1", "b x 1 1"), cands("b x 1 1"), "[1:0] 1", "[1:0] 0"},
		{"another text under the same header", cands("a x 1 1"), cands("a y 1 1"), "[] 1", "[0:0] 0"},
		{"another size, the same date", cands("a x 1 1"), cands("a x 2 1"), "[0:0] 1", ""},
		{"another size and text, the same date", cands("a x 1 1"), cands("a y 2 1"), "[] 1", ""},
		{"another text and date, the same size", cands("a x 1 1"), cands("a y 1 2"), "[] 1", ""},
		{"another way, so both differ", cands("a x 1 1"), cands("a x 9 9"), "[0:0] 1", ""},
		{"equal header, another text", cands("a x 1 1"), cands("a y 9 9"), "[] 1", ""},
		{"no text is given, so nothing says otherwise", cands("a - 2 1"), cands("a x 1 1"), "[0:0] 1", ""},
		{"no text and nothing in common", cands("a - 2 2"), cands("a x 1 1"), "[] 1", ""},
		{"no Message-ID, all agrees", cands("A x 1 1"), cands("A x 1 1"), "[0:0] 1", ""},
		{"no Message-ID, another text", cands("A x 1 1"), cands("A y 1 1"), "[] 1", ""},
		{"no Message-ID, no text is given", cands("A - 1 1"), cands("A x 1 1"), "[] 1", ""},
		{"no Message-ID, no text is given, but it was on its way", cands("A - 1 1 d"), cands("A x 1 1"), "[0:0] 1", ""},
		{"no Message-ID, only the date agrees", cands("A x 2 1"), cands("A y 1 1"), "[] 1", ""},
		{"twins stay two", cands("a x 1 1", "a x 1 1"), cands("a x 1 1"), "[0:0] 1", ""},
		{"twins on both sides", cands("a x 1 1", "a x 1 1"), cands("a x 1 1", "a x 1 1"), "[0:0 1:1] 1", ""},
		{"twins find the same date", cands("a x 1 1", "a x 1 2"), cands("a x 1 2"), "[1:0] 1", ""},
		{"equal headers over different texts", cands("a x 1 1", "a y 1 1"), cands("a y 1 1"), "[1:0] 1", ""},
		{"the surer claim chooses first", cands("a x 1 1 u", "a x 1 5 s"), cands("a x 1 1"), "[1:0] 1", ""},
		{"doubt before what was never sent", cands("a x 1 1 u", "a x 1 5 d"), cands("a x 1 1"), "[1:0] 1", ""},
		{"gone from the source, so date and size speak", cands("a - 1 1 d"), cands("a x 1 1"), "[0:0] 1", "[0:0] 0"},
		{"a text speaks before date and size", cands("a - 1 1 d", "a x 1 1 u"), cands("a x 1 1"), "[1:0] 1", ""},
		{"many too large to be read", cands("a x 60000000 1", "b x 60000000 1"), cands("a y 60000000 1", "b y 60000000 1"), "[1:1] 1", "[0:0 1:1] 0"},
		{"the least likely are read first", cands("a x 60000000 1", "b x 60000001 1"), cands("a y 60000000 1", "b y 60000000 1"), "[0:0] 1", "[0:0] 1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := matched(new(fidelity), tt.source, tt.target, false); got != tt.want {
				t.Errorf("match = %s, want %s", got, tt.want)
			}
			if got, want := matched(new(fidelity), tt.source, tt.target, true), cmp.Or(tt.verify, tt.want); got != want {
				t.Errorf("match of verify = %s, want %s", got, want)
			}
		})
	}
}

// matched writes down what matching makes of two lists.
func matched(f *fidelity, source, target []candidate, evidence bool) string {
	alone, open := matchHeaders(source, target)
	pairs, likely := f.trust(alone, source, target, evidence)
	open = append(open, likely...)
	var got []string
	for _, p := range append(pairs, f.decide(open, source, target)...) {
		got = append(got, fmt.Sprintf("%d:%d", p.source, p.target))
	}
	slices.Sort(got)
	return fmt.Sprint(got, len(open))
}

// TestMatchOfAnyLists holds what matching promises against lists that are made
// by chance: nothing is paired twice, nothing with another text, and of equal
// messages as many as both sides have.
func TestMatchOfAnyLists(t *testing.T) {
	t.Parallel()
	type key struct {
		header, text wire.Digest
	}
	for seed := range uint64(300) {
		chance := rand.New(rand.NewPCG(seed, 1))
		list := func() []candidate {
			var lines []string
			for range chance.IntN(30) {
				lines = append(lines, fmt.Sprintf("%c %d %d %d", "abcABC"[chance.IntN(6)], chance.IntN(3), chance.IntN(2), chance.IntN(2)))
			}
			return cands(lines...)
		}
		source, target := list(), list()
		alone, open := matchHeaders(source, target)
		f := new(fidelity)
		pairs, likely := f.trust(alone, source, target, false)
		pairs = append(pairs, f.decide(append(open, likely...), source, target)...)
		mine, theirs := make(map[key]int), make(map[key]int)
		for _, c := range source {
			mine[key{c.Header, c.text()}]++
		}
		for _, c := range target {
			theirs[key{c.Header, c.text()}]++
		}
		want := 0
		for k, n := range mine {
			want += min(n, theirs[k])
		}
		taken := make(map[match]bool)
		for _, p := range pairs {
			s, t2 := source[p.source], target[p.target]
			if s.Header != t2.Header || s.text() != t2.text() || taken[match{p.source, -1}] || taken[match{-1, p.target}] {
				t.Fatalf("seed %d: %d and %d are paired", seed, p.source, p.target)
			}
			taken[match{p.source, -1}], taken[match{-1, p.target}] = true, true
		}
		if len(pairs) != want {
			t.Errorf("seed %d: %d pairs, want %d", seed, len(pairs), want)
		}
	}
}

// TestServerThatWritesTextsAnew is believed by header and date once it is
// known: a whole mailbox would else be sent again where the state is lost.
func TestServerThatWritesTextsAnew(t *testing.T) {
	t.Parallel()
	var source, target []candidate
	for i := range altersLeast {
		name := string(rune('a' + i))
		source = append(source, cands(name+" x 1 1")...)
		target = append(target, cands(name+" y 2 1")...)
	}
	f := new(fidelity)
	if got := matched(f, source[1:], target[1:], false); got != fmt.Sprint("[] ", altersLeast-1) {
		t.Errorf("few altered texts: match = %s", got)
	}
	if got := matched(f, source[:1], target[:1], false); got != "[0:0] 1" {
		t.Errorf("the one more: match = %s", got)
	}
	if got := matched(f, source[:2], target[:2], false); got != "[0:0 1:1] 0" {
		t.Errorf("once it is known: match = %s", got)
	}
	if got := matched(f, cands("A x 1 1"), cands("A y 1 1"), false); got != "[] 1" {
		t.Errorf("without a Message-ID: match = %s", got)
	}
	f = &fidelity{kept: 2}
	if got := matched(f, source, target, false); got != fmt.Sprint("[] ", altersLeast) {
		t.Errorf("after texts that were kept: match = %s", got)
	}
	f = new(fidelity)
	if f.name(true); matched(f, source[:1], target[:1], false) != "[0:0] 0" {
		t.Error("a server known for it is not believed")
	}
}

// TestMillionCandidatesAreSmall: verify holds both sides of a mailbox.
func TestMillionCandidatesAreSmall(t *testing.T) {
	t.Parallel()
	if n := unsafe.Sizeof(candidate{}); n > 64 {
		t.Errorf("a candidate takes %d octets, want 64 at most", n)
	}
	zone := time.FixedZone("", -(3*3600 + 30*60))
	for _, date := range []time.Time{{}, time.Unix(0, 0), time.Date(2026, 1, 2, 3, 4, 5, 0, zone), time.Date(1, 1, 2, 3, 4, 5, 0, time.UTC)} {
		m := Message{UID: 7, Size: 8, InternalDate: date, Named: true, Header: wire.Fingerprint(nil)}
		got := candidateOf(m, unsent).message()
		if !got.InternalDate.Equal(date) || got.InternalDate.Format("-0700") != date.Format("-0700") || got.UID != m.UID || got.Size != m.Size || !got.Named || got.Header != m.Header {
			t.Errorf("the candidate of %v is %v", m, got)
		}
	}
	if (candidateOf(Message{InternalDate: time.Unix(0, 0)}, unsent)).meets(candidateOf(Message{}, unsent)) {
		t.Error("no date is taken for 1970")
	}
}

func TestDigests(t *testing.T) {
	t.Parallel()
	sum := func(s string) (text, whole wire.Digest) {
		text, whole, err := digests(strings.NewReader(s))
		if err != nil {
			t.Fatal(err)
		}
		return text, whole
	}
	long := strings.Repeat("x", 100<<10)
	same := [][2]string{
		{"A: b\r\n\r\ntext\r\n", "A: b\n\ntext"},
		{"A: b\r\n\r\ntext\r\n", "Received: here\r\nA: b\r\n\r\ntext\r\n"},
		{"\r\ntext\r\n", "A: b\r\n\r\ntext\r\n"},
		{"A: " + long + "\r\n\r\ntext", "A: b\r\n\r\ntext"},
		{"A: b", "A: c\r\n"},
	}
	for _, s := range same {
		a, _ := sum(s[0])
		b, _ := sum(s[1])
		if a != b {
			t.Errorf("texts of %.40q and %.40q differ", s[0], s[1])
		}
	}
	a, wholeA := sum("A: b\r\n\r\ntext\r\n")
	b, wholeB := sum("A: b\r\n\r\ntaxt\r\n")
	if a == b || wholeA == wholeB {
		t.Error("different texts have the same sum")
	}
	if _, other := sum("A: c\r\n\r\ntext\r\n"); other == wholeA {
		t.Error("different headers have the same sum of the whole")
	}
}

func FuzzFlagBook(f *testing.F) {
	f.Add("1:5,9 \\Seen work\n6:8")
	f.Add("1:4294967295 x")
	f.Add("1:5  \n200")
	f.Add("\n 1\n*")
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 1000 || regexp.MustCompile(`[0-9]{6}`).MatchString(strings.ReplaceAll(s, "4294967295", "")) {
			return // millions of UIDs are right, and slow
		}
		b, err := parseFlagBook(s)
		if err != nil {
			return
		}
		again, err := parseFlagBook(b.String())
		if err != nil || again.String() != b.String() {
			t.Errorf("%q, written as %q, reads as %q, %v", s, b.String(), again.String(), err)
		}
	})
}

func FuzzClean(f *testing.F) {
	f.Add("a\x1b[31m\r\n\u202e")
	f.Add(strings.Repeat("\xff", 1000))
	f.Fuzz(func(t *testing.T, s string) {
		got := clean(s)
		if len(got) > 4*300 || strings.ContainsAny(got, "\x00\x07\x1b\r\n\u202e\u200b") {
			t.Errorf("clean(%q) = %q", s, got)
		}
		if c := cell(s); c != "" && strings.ContainsRune("=+-@", rune(c[0])) {
			t.Errorf("cell(%q) = %q", s, c)
		}
	})
}

func TestBatches(t *testing.T) {
	t.Parallel()
	d := &delta{carrier: &carrier{run: new(run)}}
	for i := range 1050 {
		d.list.add(Message{UID: imap.UID(i + 1), Size: 10})
	}
	for uid, size := range map[imap.UID]int64{3000: streamed, 3001: 3 * streamed, 3002: streamed - 1, 3003: 1} {
		d.list.add(Message{UID: uid, Size: size})
	}
	d.list.order()
	var got []string
	for _, b := range d.batches(d.todo()) {
		got = append(got, fmt.Sprintf("%d+%d", b[0], len(b)))
	}
	if text := fmt.Sprint(got); text != "[1+200 201+200 401+200 601+200 801+200 1001+50 3000+1 3001+1 3002+2]" {
		t.Errorf("batches = %s", text)
	}
}
