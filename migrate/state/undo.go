package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/mxmove/mxmove/dnsplan"
)

const undoVersion = 1

// An Undo is the plain file undo.json: the changes that were about to be
// published, the oldest first. It suffices to go back when state.db is lost;
// a change in it may never have reached the zone.
type Undo struct {
	Domain  string
	Made    time.Time // when the first change was added
	Changes []dnsplan.Change
}

// undoFile is undo.json.
type undoFile struct {
	Version int       `json:"version"`
	Domain  string    `json:"domain"`
	Made    time.Time `json:"made"`
	Changes []change  `json:"changes"`
}

// ExtendUndo adds changes to undo.json, durably, before they are published. A
// change that is the last of its RRset there already is not added again: a
// run that was killed before it published anything is simply repeated.
func (m *Move) ExtendUndo(domain string, changes []dnsplan.Change) error {
	u, err := m.LoadUndo()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		u = Undo{Domain: domain, Made: m.now().UTC()}
	case err != nil:
		return err
	case u.Domain != domain:
		return fmt.Errorf("undo.json: it is for the domain %q, not %q", u.Domain, domain)
	}
	last := make(map[string][]byte)
	for _, c := range u.Changes {
		if last[subject(c)], err = json.Marshal(stored(c)); err != nil {
			return fmt.Errorf("undo.json: %w", err)
		}
	}
	for _, c := range changes {
		data, err := json.Marshal(stored(c))
		if err != nil {
			return fmt.Errorf("undo.json: %w", err)
		}
		if !bytes.Equal(last[subject(c)], data) {
			last[subject(c)] = data
			u.Changes = append(u.Changes, c)
		}
	}
	return m.saveUndo(u)
}

// subject is the RRset that a change is about.
func subject(c dnsplan.Change) string {
	s := c.RRset()
	return fmt.Sprintf("%s %s %d", c.Zone, s.Name, s.Type)
}

func (m *Move) saveUndo(u Undo) error {
	file := undoFile{Version: undoVersion, Domain: u.Domain, Made: u.Made, Changes: []change{}}
	for _, c := range u.Changes {
		file.Changes = append(file.Changes, stored(c))
	}
	data, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		return fmt.Errorf("undo.json: %w", err)
	}
	return m.save("undo.json", append(data, '\n'))
}

// LoadUndo reads undo.json; without one the error is fs.ErrNotExist.
func (m *Move) LoadUndo() (Undo, error) {
	data, err := readFile(m.Path("undo.json"))
	if err != nil {
		return Undo{}, err
	}
	return parseUndo(data)
}

func parseUndo(data []byte) (Undo, error) {
	// The version first: of a newer file nothing else need be readable.
	var head struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(data, &head); err == nil && head.Version > undoVersion {
		return Undo{}, fmt.Errorf("undo.json has version %d, and %d is the newest that is known here: %w", head.Version, undoVersion, ErrNewer)
	}
	var file undoFile
	err := json.Unmarshal(data, &file)
	switch {
	case err != nil:
		return Undo{}, fmt.Errorf("undo.json: %w", err)
	case file.Version != undoVersion || file.Domain == "":
		return Undo{}, errors.New("undo.json: version or domain is missing")
	}
	u := Undo{Domain: file.Domain, Made: file.Made}
	for i, c := range file.Changes {
		one, err := c.change()
		if err != nil {
			return Undo{}, fmt.Errorf("undo.json: change %d: %w", i+1, err)
		}
		u.Changes = append(u.Changes, one)
	}
	return u, nil
}
