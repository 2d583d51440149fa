// Package report makes one document of a move: JSON for programs, and one
// self-contained HTML file for people, with nothing in it that runs and
// nothing that is fetched from elsewhere.
package report

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/mxmove/mxmove/migrate"
	"github.com/mxmove/mxmove/migrate/state"
)

// ErrName is returned for an HTML file that would have the name of its JSON.
var ErrName = errors.New("report: name the HTML file; its JSON is written beside it")

// Write reads what is remembered of the move and writes the report as HTML
// and the same as JSON beside it, each whole or not at all and readable by
// its owner alone. out is the HTML file; empty means report.html among the
// move's own files. It returns the path of the HTML.
func Write(ctx context.Context, m *migrate.Move, out string) (string, error) {
	rec, err := m.Record(ctx)
	if err != nil {
		return "", err
	}
	path, beside, err := places(m, out)
	if err != nil {
		return "", err
	}
	doc := New(rec)
	data, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return "", fmt.Errorf("report as JSON: %w", err)
	}
	var page bytes.Buffer
	if err := doc.HTML(&page); err != nil {
		return "", err
	}
	if err := state.WriteFile(beside, append(data, '\n')); err != nil {
		return "", err
	}
	return path, state.WriteFile(path, page.Bytes())
}

// places returns where the HTML and the JSON go. Before the first plan the
// move has no folder of its own yet.
func places(m *migrate.Move, out string) (html, beside string, err error) {
	if out == "" {
		html, beside = m.ReportPath("html"), m.ReportPath("json")
		err := os.Mkdir(filepath.Dir(html), 0o700)
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return "", "", fmt.Errorf("folder of the report: %w", err)
		}
		return html, beside, nil
	}
	ext := filepath.Ext(out)
	if strings.EqualFold(ext, ".json") {
		return "", "", fmt.Errorf("%s: %w", out, ErrName)
	}
	return out, strings.TrimSuffix(out, ext) + ".json", nil
}
