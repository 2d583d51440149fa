package main

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// optional are the keys that a document may leave out: those beside the
// contract, and those that only some values have.
var optional = map[string][]string{
	"check-dmarc": {"findings", "receiver", "arc.first", "arc.text", "policy.record", "spf.ip", "spf.text", "dkim.algorithm", "dkim.bits", "dkim.old", "dkim.key", "dkim.text"},
	"verify":      {"accounts.mailboxes.differs", "accounts.mailboxes.skip"},
	"event":       {"bytes", "total", "done", "text"},
	"report":      {"steps.ended", "verdicts.verdict"},
}

// refusesLess takes each key away from real documents, at any depth, or gives
// it a value of another type: a schema that still accepts them could not fail.
func (m *moving) refusesLess() {
	m.t.Helper()
	for name, schema := range m.schemas {
		docs := m.docs[name]
		switch {
		case name == "common":
			continue // definitions, of which no document is made
		case len(docs) == 0:
			m.t.Errorf("no document was held against the schema %s", name)
			continue
		case name == "event":
			docs = eachType(docs)
		default:
			docs = docs[len(docs)-1:]
		}
		for _, doc := range docs {
			shorten(doc)
			if err := schema.Validate(doc); err != nil {
				m.t.Errorf("the schema %s refuses a document with short lists: %v", name, err)
			}
			spoil(doc, "", func(path string, left bool) {
				if (left || !mayBeLeftOut(name, path)) && schema.Validate(doc) == nil {
					m.t.Errorf("the schema %s accepts a document with a wrong %s, or without it", name, path)
				}
			})
			doc.(map[string]any)["version"] = json.Number("2")
			if schema.Validate(doc) == nil {
				m.t.Errorf("the schema %s accepts version 2", name)
			}
		}
	}
}

// mayBeLeftOut reports whether a key is optional; some documents hold those of
// other kinds.
func mayBeLeftOut(schema, path string) bool {
	for part, of := range map[string]string{"verdicts.verdict.": "check-dmarc", "balance.": "verify", "proofs.verdict.": "check-dmarc"} {
		if rest, ok := strings.CutPrefix(path, part); ok && (schema == "report" || schema == "check-dmarc-several") {
			return mayBeLeftOut(of, rest)
		}
	}
	return slices.Contains(optional[schema], path)
}

// shorten leaves the first and the last element of every list, which stand for
// all, but for the stages, which are a fixed list.
func shorten(v any) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			shorten(e)
		}
	case map[string]any:
		for key, value := range v {
			if list, ok := value.([]any); ok && len(list) > 2 && key != "stages" {
				v[key] = []any{list[0], list[len(list)-1]}
			}
			shorten(v[key])
		}
	}
}

// spoil takes one key after the other out of a document, then leaves it there
// with a value of another type, calls try with its path each time, and puts it
// right again.
func spoil(v any, at string, try func(path string, left bool)) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			spoil(e, at, try)
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			path := strings.TrimPrefix(at+"."+key, ".")
			value := v[key]
			delete(v, key)
			try(path, false)
			v[key] = map[string]any{}
			if _, object := value.(map[string]any); object {
				v[key] = "a text"
			}
			try(path, true)
			v[key] = value
			spoil(value, path, try)
		}
	}
}

// eachType keeps one event of each type.
func eachType(events []any) []any {
	var kept []any
	seen := make(map[any]bool)
	for _, e := range events {
		if typ := e.(map[string]any)["type"]; !seen[typ] {
			seen[typ] = true
			kept = append(kept, e)
		}
	}
	return kept
}
