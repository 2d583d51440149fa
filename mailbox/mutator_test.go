package mailbox_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/mxmove/mxmove/mailbox/imaplab"
)

// A mutator is the user of the source, who goes on working while the account
// is copied. It keeps books of what every mailbox holds and has ever held.
type mutator struct {
	t      *testing.T
	c      *imapclient.Client
	chance *rand.Rand
	open   string // the selected mailbox

	mu    sync.Mutex
	boxes map[string][]item
	ever  map[string]map[string]int // content by mailbox, and how often it came there
	gone  map[string]int            // and how often it has left one
	made  int
	diary []string // what came and went
}

// An item is a message in a mailbox.
type item struct {
	uid     imap.UID
	content string // its digest
}

// mutated are the mailboxes of the source.
var mutated = []string{"INBOX", "Work", "Work.2019", "Trash"}

// newMutator makes the mailboxes and fills them.
func newMutator(t *testing.T, d dovecot, seed uint64) *mutator {
	t.Helper()
	m := &mutator{
		t: t, c: d.client(t), chance: rand.New(rand.NewPCG(seed, 3)),
		boxes: make(map[string][]item), ever: make(map[string]map[string]int), gone: make(map[string]int),
	}
	for _, name := range mutated {
		if name != "INBOX" {
			_ = m.c.Create(name, nil).Wait() // the server makes some by itself
		}
		m.ever[name] = make(map[string]int)
		for range 30 {
			m.add(name)
		}
	}
	return m
}

// content is the digest by which messages are told apart.
func content(octets []byte) string {
	return fmt.Sprintf("%x", sha256.Sum256(bytes.ReplaceAll(octets, []byte("\r\n"), []byte("\n"))))
}

// entered notes that a message is in a mailbox now.
func (m *mutator) entered(name string, it item) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.boxes[name] = append(m.boxes[name], it)
	m.ever[name][it.content]++
	m.diary = append(m.diary, fmt.Sprintf("%s enters %s as UID %d", it.content, name, it.uid))
}

// note writes into the diary.
func (m *mutator) note(line string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.diary = append(m.diary, line)
}

// left notes that it is there no more.
func (m *mutator) left(name string, i int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	it := m.boxes[name][i]
	m.gone[it.content]++
	m.diary = append(m.diary, fmt.Sprintf("%s leaves %s, UID %d", it.content, name, it.uid))
	m.boxes[name] = slices.Delete(m.boxes[name], i, i+1)
}

// act does one thing as users do.
func (m *mutator) act() {
	name := mutated[m.chance.IntN(len(mutated))]
	switch n := m.chance.IntN(20); {
	case n < 10 || len(m.boxes[name]) < 10:
		m.add(name)
	case n < 14:
		m.flag(name)
	case n < 17:
		m.move(name, mutated[m.chance.IntN(len(mutated))])
	default:
		m.remove(name)
	}
}

// add appends a message: a new one of some size, one of the awkward ones, or a
// letter that may be there already.
func (m *mutator) add(name string) {
	msg := letter(m.chance.IntN(50))
	switch n := m.chance.IntN(10); {
	case n == 0:
		msg = awkward()[m.chance.IntN(len(awkward()))]
	case n < 8:
		m.made++
		msg = letter(1000 + m.made)
		msg.Body = append(msg.Body, bytes.Repeat([]byte("text of some length\r\n"), m.chance.IntN(500))...)
	}
	m.append(name, msg)
}

func (m *mutator) append(name string, msg imaplab.Message) {
	cmd := m.c.Append(name, int64(len(msg.Body)), &imap.AppendOptions{Flags: msg.Flags, Time: msg.Date})
	_, err := cmd.Write(msg.Body)
	if err == nil {
		err = cmd.Close()
	}
	data, werr := cmd.Wait()
	if err != nil || werr != nil {
		m.t.Errorf("append to %s: %v, %v", name, err, werr)
		return
	}
	m.entered(name, item{data.UID, content(msg.Body)})
}

// enter selects a mailbox and picks a message in it.
func (m *mutator) enter(name string) int {
	if m.open != name {
		if _, err := m.c.Select(name, nil).Wait(); err != nil {
			m.t.Errorf("select %s: %v", name, err)
		}
		m.open = name
	}
	return m.chance.IntN(len(m.boxes[name]))
}

func (m *mutator) flag(name string) {
	uid := m.boxes[name][m.enter(name)].uid
	op := []imap.StoreFlagsOp{imap.StoreFlagsAdd, imap.StoreFlagsDel}[m.chance.IntN(2)]
	f := []imap.Flag{imap.FlagSeen, imap.FlagFlagged, imap.FlagAnswered}[m.chance.IntN(3)]
	if err := m.c.Store(imap.UIDSetNum(uid), &imap.StoreFlags{Op: op, Silent: true, Flags: []imap.Flag{f}}, nil).Close(); err != nil {
		m.t.Errorf("store in %s: %v", name, err)
	}
}

func (m *mutator) move(name, to string) {
	if name == to {
		return
	}
	i := m.enter(name)
	it := m.boxes[name][i]
	data, err := m.c.Move(imap.UIDSetNum(it.uid), to).Wait()
	if err != nil {
		m.t.Errorf("move from %s: %v", name, err)
		return
	}
	uids, _ := data.DestUIDs.(imap.UIDSet)
	all, ok := uids.Nums()
	if !ok || len(all) != 1 {
		m.t.Errorf("move from %s to %s: UIDs %v", name, to, data.DestUIDs)
		return
	}
	m.left(name, i)
	m.entered(to, item{all[0], it.content})
}

func (m *mutator) remove(name string) {
	i := m.enter(name)
	it := m.boxes[name][i]
	if err := m.c.Store(imap.UIDSetNum(it.uid), &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{imap.FlagDeleted}}, nil).Close(); err != nil {
		m.t.Errorf("store in %s: %v", name, err)
	}
	if err := m.c.UIDExpunge(imap.UIDSetNum(it.uid)).Close(); err != nil {
		m.t.Errorf("expunge in %s: %v", name, err)
	}
	m.left(name, i)
}

// snapshot is what every mailbox holds now.
func (m *mutator) snapshot() map[string][]item {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make(map[string][]item)
	for name, items := range m.boxes {
		all[name] = slices.Clone(items)
	}
	return all
}
