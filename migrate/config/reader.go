package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// A reader walks the tree of a file into values. It keeps the first complaint
// and goes on with empty values, so that callers need not ask after each step.
type reader struct {
	file  string
	dir   string
	lines []string
	err   *Error
}

// A value is a node with the key that it stands under.
type value struct {
	key  string // as it is named in a complaint
	at   place  // of the key
	node ast.Node
}

// A field reads the value of a known key.
type field func(v value)

// fail keeps the first complaint.
func (r *reader) fail(at place, text, fix string) {
	if r.err == nil {
		r.err = &Error{File: r.file, Line: at.line, Column: at.column, Text: text, Fix: fix, Source: r.line(at.line)}
	}
}

// line returns a line as it may be shown.
func (r *reader) line(n int) string {
	if n < 1 || n > len(r.lines) {
		return ""
	}
	previous := ""
	if n > 1 {
		previous = r.lines[n-2]
	}
	return strings.TrimRight(printable(mask(r.lines[n-1], previous)), " ")
}

// begin returns where the value itself begins.
func (v value) begin() place {
	if _, ok := v.node.(*ast.NullNode); ok || v.node == nil {
		return v.at
	}
	return nodePlace(v.node)
}

// null reports whether the key has no value.
func (v value) null() bool {
	return v.node == nil || v.node.Type() == ast.NullType
}

// kind names the type of a value in plain words.
func (v value) kind() string {
	if v.null() {
		return "nothing"
	}
	switch v.node.Type() {
	case ast.MappingType, ast.MappingValueType:
		return "a mapping"
	case ast.SequenceType:
		return "a list"
	case ast.IntegerType, ast.FloatType, ast.InfinityType, ast.NanType:
		return "a number"
	case ast.BoolType:
		return "true or false"
	}
	return "text"
}

// wants complains about a value of the wrong type.
func (r *reader) wants(v value, what string) {
	if v.null() {
		r.fail(v.begin(), fmt.Sprintf("%q has no value", v.key), "it wants "+what)
		return
	}
	fix := ""
	if text, ok := scalar(v); ok && v.kind() != "text" && strings.HasPrefix(what, "text") {
		fix = fmt.Sprintf("quote it: %q", text)
	}
	r.fail(v.begin(), fmt.Sprintf("%q wants %s, not %s", v.key, what, v.kind()), fix)
}

// pairs returns the pairs of a mapping in the order of the file. Nothing at
// all is an empty mapping: its lines may be commented out.
func (r *reader) pairs(v value) []value {
	var nodes []*ast.MappingValueNode
	switch n := v.node.(type) {
	case *ast.MappingNode:
		nodes = n.Values
	case *ast.MappingValueNode:
		nodes = []*ast.MappingValueNode{n}
	default:
		if !v.null() {
			r.wants(v, "a mapping")
		}
		return nil
	}
	all := make([]value, 0, len(nodes))
	seen := make(map[string]int, len(nodes))
	for _, n := range nodes {
		at := nodePlace(n.Key)
		key, ok := scalar(value{node: n.Key})
		if !ok {
			r.fail(at, "a key is a plain word", "")
			return all
		}
		if line, doubled := seen[key]; doubled {
			r.fail(at, fmt.Sprintf("doubled key %s", quote(key)), fmt.Sprintf("it stands in line %d already; remove one of them", line))
			return all
		}
		seen[key] = at.line
		all = append(all, value{key: key, at: at, node: n.Value})
	}
	return all
}

// object reads a mapping of known keys and returns where each stands.
func (r *reader) object(v value, fields map[string]field, required ...string) map[string]place {
	seen := make(map[string]place)
	for _, p := range r.pairs(v) {
		read, ok := fields[p.key]
		if !ok {
			r.fail(p.at, "unknown key "+quote(p.key), meant(p.key, slices.Sorted(maps.Keys(fields))))
			return seen
		}
		seen[p.key] = p.at
		read(p)
	}
	for _, key := range required {
		if _, ok := seen[key]; !ok {
			r.missing(v, key)
		}
	}
	return seen
}

// missing complains about a required key that is absent.
func (r *reader) missing(v value, key string) {
	if v.key == "" {
		r.fail(place{}, fmt.Sprintf("the required key %q is missing", key), "add a line that begins with "+key+":")
		return
	}
	r.fail(v.at, fmt.Sprintf("%q lacks the required key %q", v.key, key), "")
}

// scalar returns the text of a single value as it was written.
func scalar(v value) (string, bool) {
	switch n := v.node.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	}
	return "", false
}
