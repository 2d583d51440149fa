package state

import "errors"

// SavePlan keeps the last plan shown as plan.json.
func (m *Move) SavePlan(data []byte) error { return errors.ErrUnsupported }

// LoadPlan returns plan.json; without one the error is fs.ErrNotExist.
func (m *Move) LoadPlan() ([]byte, error) { return nil, errors.ErrUnsupported }

// PinProvider keeps the provider's file as provider.yaml, in place of the one
// that was there: an upgrade in the middle of a move then changes nothing.
func (m *Move) PinProvider(data []byte) error { return errors.ErrUnsupported }

// PinnedProvider returns provider.yaml; without one the error is
// fs.ErrNotExist.
func (m *Move) PinnedProvider() ([]byte, error) { return nil, errors.ErrUnsupported }

// SaveSnapshot keeps a snapshot under the zone's name and the next number. A
// snapshot equal to the last one is not kept again.
func (m *Move) SaveSnapshot(zone string, data []byte) error { return errors.ErrUnsupported }

// FirstSnapshot returns the oldest snapshot of a zone; without one the error
// is fs.ErrNotExist.
func (m *Move) FirstSnapshot(zone string) ([]byte, error) { return nil, errors.ErrUnsupported }

// LastSnapshot returns the newest snapshot of a zone; without one the error
// is fs.ErrNotExist.
func (m *Move) LastSnapshot(zone string) ([]byte, error) { return nil, errors.ErrUnsupported }

// SaveEvidence keeps what a finding, a gate or a report was built on and
// returns its path. What had the name before is replaced.
func (m *Move) SaveEvidence(name string, data []byte) (string, error) {
	return "", errors.ErrUnsupported
}

// RefusedDir returns the directory of messages that the target refused.
func (m *Move) RefusedDir() string { return m.Path("refused") }

// TokensDir returns the directory of access tokens.
func (m *Move) TokensDir() string { return m.Path("tokens") }

// ReportPath returns the path of the report with an extension, such as
// "html" or "json".
func (m *Move) ReportPath(ext string) string { return m.Path("report." + ext) }

// WriteFile replaces a file as a whole: whoever reads it, after a crash too,
// finds the old octets or the new ones, and after it returns the new ones.
func WriteFile(path string, data []byte) error { return errors.ErrUnsupported }
