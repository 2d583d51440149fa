package state

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// maxFile bounds what is read back from a file of the move.
const maxFile = 256 << 20

// SavePlan keeps the last plan shown as plan.json.
func (m *Move) SavePlan(data []byte) error { return m.save("plan.json", data) }

// LoadPlan returns plan.json; without one the error is fs.ErrNotExist.
func (m *Move) LoadPlan() ([]byte, error) { return readFile(m.Path("plan.json")) }

// PinProvider keeps the provider's file as provider.yaml, in place of the one
// that was there: an upgrade in the middle of a move then changes nothing.
func (m *Move) PinProvider(data []byte) error { return m.save("provider.yaml", data) }

// PinnedProvider returns provider.yaml; without one the error is
// fs.ErrNotExist.
func (m *Move) PinnedProvider() ([]byte, error) { return readFile(m.Path("provider.yaml")) }

// SaveSnapshot keeps a snapshot under the zone's name and the next number. A
// snapshot equal to the last one is not kept again.
func (m *Move) SaveSnapshot(zone string, data []byte) error {
	stem, err := fileName(zone)
	if err != nil {
		return fmt.Errorf("snapshot of %q: %w", zone, err)
	}
	_, last, err := m.snapshots(stem)
	if err != nil {
		return err
	}
	if last > 0 {
		old, err := readFile(m.snapshot(stem, last))
		if err != nil || bytes.Equal(old, data) {
			return err
		}
	}
	if m.readOnly {
		return ErrReadOnly
	}
	return WriteFile(m.snapshot(stem, last+1), data)
}

// FirstSnapshot returns the oldest snapshot of a zone; without one the error
// is fs.ErrNotExist.
func (m *Move) FirstSnapshot(zone string) ([]byte, error) {
	return m.loadSnapshot(zone, func(first, _ int) int { return first })
}

// LastSnapshot returns the newest snapshot of a zone; without one the error
// is fs.ErrNotExist.
func (m *Move) LastSnapshot(zone string) ([]byte, error) {
	return m.loadSnapshot(zone, func(_, last int) int { return last })
}

func (m *Move) loadSnapshot(zone string, pick func(first, last int) int) ([]byte, error) {
	stem, err := fileName(zone)
	if err != nil {
		return nil, fmt.Errorf("snapshot of %q: %w", zone, err)
	}
	first, last, err := m.snapshots(stem)
	if err != nil {
		return nil, err
	}
	if last == 0 {
		return nil, fmt.Errorf("snapshot of %q: %w", zone, fs.ErrNotExist)
	}
	return readFile(m.snapshot(stem, pick(first, last)))
}

func (m *Move) snapshot(stem string, n int) string {
	return m.Path("snapshots", fmt.Sprintf("%s-%04d.zone", stem, n))
}

// snapshots returns the lowest and the highest number of a zone's snapshots,
// or zeros. Numbers, not times: a clock may be set back.
func (m *Move) snapshots(stem string) (first, last int, err error) {
	entries, err := os.ReadDir(m.Path("snapshots"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, 0, fmt.Errorf("list the snapshots: %w", err)
	}
	for _, e := range entries {
		name, _ := strings.CutSuffix(e.Name(), ".zone")
		number, ok := strings.CutPrefix(name, stem+"-")
		n, err := strconv.Atoi(number)
		if !ok || err != nil || n < 1 || m.snapshot(stem, n) != m.Path("snapshots", e.Name()) {
			continue
		}
		if first == 0 || n < first {
			first = n
		}
		last = max(last, n)
	}
	return first, last, nil
}

// SaveEvidence keeps what a finding, a gate or a report was built on and
// returns its path. What had the name before is replaced.
func (m *Move) SaveEvidence(name string, data []byte) (string, error) {
	stem, err := fileName(name)
	if err != nil {
		return "", fmt.Errorf("evidence %q: %w", name, err)
	}
	return m.Path("evidence", stem), m.save(filepath.Join("evidence", stem), data)
}

// RefusedDir returns the directory of messages that the target refused.
func (m *Move) RefusedDir() string { return m.Path("refused") }

// TokensDir returns the directory of access tokens.
func (m *Move) TokensDir() string { return m.Path("tokens") }

// ReportPath returns the path of the report with an extension, such as
// "html" or "json".
func (m *Move) ReportPath(ext string) string { return m.Path("report." + ext) }

func (m *Move) save(name string, data []byte) error {
	if m.readOnly {
		return ErrReadOnly
	}
	return WriteFile(m.Path(name), data)
}

var safeName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._@=+-]{0,250}$`)

// fileName returns a name of ours as a file's, without a final dot, or an
// error where it could lead out of its directory.
func fileName(name string) (string, error) {
	name = strings.TrimSuffix(name, ".")
	if !safeName.MatchString(name) {
		return "", errors.New("not a name for a file")
	}
	return name, nil
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("%s is larger than %d MiB", path, maxFile>>20)
	}
	return data, err
}

const temporary = ".tmp-"

// WriteFile replaces a file as a whole, readable by its owner alone: whoever
// reads it, after a crash too, finds the old octets or the new ones, and once
// WriteFile has returned the new ones.
func WriteFile(path string, data []byte) error {
	temp, err := writeTemp(filepath.Dir(path), data)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Rename(temp, path); err != nil {
		return fmt.Errorf("write %s: %w", path, errors.Join(err, os.Remove(temp)))
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// writeTemp writes a file of any name into a directory, durably.
func writeTemp(dir string, data []byte) (string, error) {
	f, err := os.CreateTemp(dir, temporary+"*")
	if err != nil {
		return "", err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// syncDir makes names in a directory durable. Windows does so by itself and
// cannot be asked.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// abandoned is the age at which a half-written file is nobody's any more.
const abandoned = time.Hour

// sweep removes what a killed run has left half written. The age is measured
// by the clock of the file system, which is no matter of the move.
func (m *Move) sweep() {
	for _, dir := range append([]string{"."}, folders...) {
		entries, err := os.ReadDir(m.Path(dir))
		if err != nil {
			continue
		}
		for _, e := range entries {
			info, err := e.Info()
			if err != nil || !strings.HasPrefix(e.Name(), temporary) || time.Since(info.ModTime()) < abandoned {
				continue
			}
			if err := os.Remove(m.Path(dir, e.Name())); err != nil {
				m.log.Warn("half-written file stays", "path", m.Path(dir, e.Name()), "err", err)
			}
		}
	}
}
