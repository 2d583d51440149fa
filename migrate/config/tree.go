package config

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Bounds of a configuration: the YAML parser takes time in the square of the
// nesting and of the length of a mapping.
const (
	maxFile   = 256 << 10
	maxTokens = 40_000
	maxDepth  = 16
)

// A place is where something stands in the file, counted from 1.
type place struct{ line, column int }

func placeOf(t *token.Token) place {
	if t == nil || t.Position == nil {
		return place{1, 1}
	}
	return place{max(t.Position.Line, 1), max(t.Position.Column, 1)}
}

// parse returns the one mapping that the file holds, or nil and a complaint.
func (r *reader) parse(text string) ast.Node {
	if len(text) > maxFile {
		r.fail(place{1, 1}, fmt.Sprintf("the file is larger than %d KiB", maxFile>>10), "")
		return nil
	}
	if !utf8.ValidString(text) {
		r.fail(r.invalid(text), "the file is not UTF-8", "save it as UTF-8")
		return nil
	}
	text = strings.TrimPrefix(text, "\ufeff")
	r.lines = strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	tokens := lexer.Tokenize(text)
	if r.bound(tokens); r.err != nil {
		return nil
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		r.syntax(err)
		return nil
	}
	return r.document(file)
}

// invalid finds the first octet that is not UTF-8.
func (r *reader) invalid(text string) place {
	at := place{1, 1}
	for text != "" {
		c, size := utf8.DecodeRuneInString(text)
		switch {
		case c == utf8.RuneError && size == 1:
			return at
		case c == '\n':
			at = place{at.line + 1, 1}
		default:
			at.column++
		}
		text = text[size:]
	}
	return at
}

// bound refuses what the parser would be slow at and what no configuration
// needs, before the parser sees it.
func (r *reader) bound(tokens token.Tokens) {
	if len(tokens) > maxTokens {
		r.fail(placeOf(tokens[maxTokens]), "the file has too many keys and values", "")
	}
	flow, dashes, line := 0, 0, 0
	for _, t := range tokens {
		if t.Position.Line != line {
			line, dashes = t.Position.Line, 0
		}
		switch t.Type {
		case token.MappingStartType, token.SequenceStartType:
			flow++
		case token.MappingEndType, token.SequenceEndType:
			flow--
		case token.SequenceEntryType:
			dashes++
		case token.AnchorType, token.AliasType, token.MergeKeyType, token.TagType, token.MappingKeyType, token.DirectiveType:
			r.fail(placeOf(t), fmt.Sprintf("%s is not used in this file", quote(t.Value)), "write plain keys and values; quote text that begins with a sign")
		}
		if flow > maxDepth || dashes > maxDepth || t.Position.Column > maxDepth*64 && t.Type == token.SequenceEntryType {
			r.fail(placeOf(t), "the file is nested too deeply", "")
		}
	}
}

// syntax turns the parser's complaint into ours.
func (r *reader) syntax(err error) {
	at, message := place{1, 1}, err.Error()
	if e, ok := errors.AsType[yaml.Error](err); ok {
		at, message = placeOf(e.GetToken()), e.GetMessage()
	}
	if strings.HasPrefix(message, "found character '\t'") {
		r.fail(at, "a tab stands where blanks belong", "indent with blanks")
		return
	}
	r.fail(at, "this is not YAML: "+printable(firstLine(message)), "")
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	if len(s) > maxSource {
		s = strings.ToValidUTF8(s[:maxSource], "")
	}
	return s
}

// document returns the body of the only document, or nil when it is empty.
func (r *reader) document(f *ast.File) ast.Node {
	var body ast.Node
	for _, d := range f.Docs {
		if d.Body == nil || d.Body.Type() == ast.CommentType || d.Body.Type() == ast.NullType {
			continue
		}
		if body != nil {
			r.fail(nodePlace(d.Body), "a second document begins here", "keep one document in the file")
			return nil
		}
		body = d.Body
	}
	return body
}

// nodePlace returns where a node begins. The token of a block mapping is the
// colon of its first pair, so the key is asked instead.
func nodePlace(n ast.Node) place {
	switch n := n.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return nodePlace(n.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return nodePlace(n.Key)
	}
	return placeOf(n.GetToken())
}
