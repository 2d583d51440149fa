package provider

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// The bounds of a provider's file.
const (
	maxFile    = 64 << 10
	maxEntries = 64 // of any list
)

// A FileError is a place in a provider's file and what is wrong with it. It
// prints as "file:line:column: text" and the line itself below.
type FileError struct {
	File         string
	Line, Column int
	Text         string
	Source       string // the line, or of a long one the part around the column

	caret int // where in Source
}

func (e *FileError) Error() string {
	s := fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Text)
	if e.Source != "" {
		s += fmt.Sprintf("\n\t%s\n\t%s^", e.Source, strings.Repeat(" ", e.caret))
	}
	return s
}

// Parse reads a provider's file, the catalogue's or the user's own, or a
// Domain Connect template, which is JSON; file is its name for messages. Every
// error is a *FileError.
func Parse(file string, data []byte) (*Provider, error) {
	s := source{file: file, data: data}
	if len(data) > maxFile {
		return nil, s.err(1, 1, fmt.Sprintf("larger than %d KiB", maxFile>>10))
	}
	if n := bytes.IndexFunc(data, func(r rune) bool { return r < ' ' && r != '\n' && r != '\r' && r != '\t' }); n >= 0 {
		return nil, s.err(1+bytes.Count(data[:n], []byte("\n")), 1, "a control character")
	}
	if isJSON(file, data) {
		return s.connect()
	}
	tree, err := parser.ParseBytes(data, 0)
	if err != nil {
		return nil, s.wrap(err)
	}
	if len(tree.Docs) != 1 || tree.Docs[0].Body == nil {
		return nil, s.err(1, 1, "a provider's file is one YAML document")
	}
	s.tree = tree
	if err := s.plain(); err != nil {
		return nil, err
	}
	p := new(Provider)
	if err := yaml.NodeToValue(tree.Docs[0].Body, p, yaml.Strict()); err != nil {
		return nil, s.wrap(err)
	}
	if err := s.check(p); err != nil {
		return nil, err
	}
	p.Raw = bytes.Clone(data)
	return p, nil
}

// A source is a file that errors can point into.
type source struct {
	file string
	data []byte
	tree *ast.File
}

// err returns an error at a place; only printable text of the line is shown.
func (s source) err(line, column int, text string) *FileError {
	e := &FileError{File: s.file, Line: max(line, 1), Column: max(column, 1), Text: text}
	lines := bytes.Split(s.data, []byte("\n"))
	if line >= 1 && line <= len(lines) {
		text := lines[line-1]
		e.caret = min(e.Column-1, len(text))
		if e.caret > 120 {
			text, e.caret = text[e.caret-60:], 60
		}
		e.Source = printable(string(text))
	}
	return e
}

func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, strings.TrimRight(s, "\r"))
	return s[:min(len(s), 160)]
}

var goType = regexp.MustCompile(`cannot unmarshal (\S+) into Go .*?of type (\S+)`)

// wrap turns an error of the YAML library into a *FileError, in words that do
// not need the knowledge of Go.
func (s source) wrap(err error) error {
	var y yaml.Error
	if !errors.As(err, &y) || y.GetToken() == nil || y.GetToken().Position == nil {
		return s.err(1, 1, printable(err.Error()))
	}
	text := y.GetMessage()
	if m := goType.FindStringSubmatch(text); m != nil {
		text = article(m[1]) + " where " + article(m[2]) + " belongs"
	}
	if name, ok := strings.CutPrefix(text, "unknown field "); ok {
		text = "unknown key " + name
		if near := nearest(strings.Trim(name, `"`), keys()); near != "" {
			text += fmt.Sprintf("; did you mean %q?", near)
		}
	}
	at := y.GetToken().Position
	return s.err(at.Line, at.Column, printable(text))
}

func word(t string) string {
	switch {
	case strings.HasPrefix(t, "map"):
		return "mapping"
	case strings.HasPrefix(t, "[]"):
		return "list"
	case strings.HasPrefix(t, "int"), strings.HasPrefix(t, "uint"), strings.HasPrefix(t, "float"):
		return "number"
	case t == "bool":
		return "true or false"
	case t == "string":
		return "text"
	}
	return "mapping"
}

func article(t string) string {
	switch w := word(t); w {
	case "text", "true or false":
		return w
	default:
		return "a " + w
	}
}

// keys returns every key that a provider's file may have.
func keys() []string {
	var names []string
	seen := make(map[reflect.Type]bool)
	var walk func(t reflect.Type)
	walk = func(t reflect.Type) {
		for t.Kind() == reflect.Slice || t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct || seen[t] {
			return
		}
		seen[t] = true
		for f := range t.Fields() {
			if name, _, _ := strings.Cut(f.Tag.Get("yaml"), ","); name != "" && name != "-" {
				names = append(names, name)
			}
			walk(f.Type)
		}
	}
	walk(reflect.TypeFor[Provider]())
	return names
}

// plain refuses anchors, aliases, tags and merge keys: a few octets of them
// can stand for millions, and nobody needs them here. It refuses escaped
// control characters too, since the texts are shown on terminals.
func (s source) plain() error {
	var found *FileError
	ast.Walk(visitor(func(n ast.Node) {
		switch n := n.(type) {
		case *ast.StringNode:
			if at := n.GetToken().Position; found == nil && at != nil && strings.ContainsFunc(n.Value, control) {
				found = s.err(at.Line, at.Column, "a control character")
			}
		case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode:
			if at := n.GetToken().Position; found == nil && at != nil {
				found = s.err(at.Line, at.Column, "anchors, aliases and tags are not part of this format")
			}
		}
	}), s.tree.Docs[0].Body)
	if found != nil {
		return found
	}
	return nil
}

func control(r rune) bool { return r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 }

type visitor func(ast.Node)

func (v visitor) Visit(n ast.Node) ast.Visitor { v(n); return v }

// at returns an error at the node of a YAML path, or at the beginning when
// there is no such node.
func (s source) at(path, text string) error {
	p, err := yaml.PathString("$." + path)
	if err != nil {
		return s.err(1, 1, text)
	}
	node, err := p.FilterFile(s.tree)
	if err != nil || node == nil || node.GetToken() == nil || node.GetToken().Position == nil {
		return s.err(1, 1, text)
	}
	at := node.GetToken().Position
	return s.err(at.Line, at.Column, text)
}
