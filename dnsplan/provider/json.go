package provider

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// The bounds of a template. The largest that are published have about thirty
// records and three levels.
const (
	maxDepth  = 8
	maxValues = 4096
)

// A jsonValue is a value of a JSON document and where it begins, so that what
// is wrong with it can be shown in place.
type jsonValue struct {
	at      int // offset in octets
	text    string
	kind    jsonKind
	members []jsonMember // of an object, in the order of the document
	items   []jsonValue  // of an array
}

type jsonMember struct {
	name  string
	value jsonValue
}

type jsonKind string

const (
	jsonObject jsonKind = "an object"
	jsonArray  jsonKind = "a list"
	jsonString jsonKind = "text"
	jsonNumber jsonKind = "a number"
	jsonBool   jsonKind = "true or false"
	jsonNull   jsonKind = "null"
)

// get returns a member of an object, or nil.
func (v jsonValue) get(name string) *jsonValue {
	for i := range v.members {
		if v.members[i].name == name {
			return &v.members[i].value
		}
	}
	return nil
}

// isJSON reports whether a file is a JSON object, by its name or its first
// octet. A provider's file of the other kind does not begin with a brace.
func isJSON(file string, data []byte) bool {
	return strings.HasSuffix(file, ".json") || bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{"))
}

// A jsonReader reads one document.
type jsonReader struct {
	source
	dec   *json.Decoder
	count int
}

// json reads the file as one JSON document. The library would take the last
// of two members with the same name in silence; here that is an error.
func (s source) json() (jsonValue, error) {
	r := &jsonReader{source: s, dec: json.NewDecoder(bytes.NewReader(s.data))}
	r.dec.UseNumber()
	v, err := r.value(0)
	if err != nil {
		return v, err
	}
	if at := r.skip(); at < len(s.data) {
		return v, s.offset(at, "something follows the document")
	}
	return v, nil
}

// skip returns where the next token begins.
func (r *jsonReader) skip() int {
	at := int(r.dec.InputOffset())
	for at < len(r.data) && strings.IndexByte(" \t\r\n,:", r.data[at]) >= 0 {
		at++
	}
	return at
}

// next returns the next token and where it begins.
func (r *jsonReader) next() (json.Token, int, error) {
	at := r.skip()
	token, err := r.dec.Token()
	if err == nil {
		return token, at, nil
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		at = max(int(syntax.Offset)-1, at)
	}
	return nil, at, r.offset(at, "not JSON: "+printable(err.Error()))
}

func (r *jsonReader) value(depth int) (jsonValue, error) {
	token, at, err := r.next()
	if err != nil {
		return jsonValue{}, err
	}
	v := jsonValue{at: at}
	if r.count++; r.count > maxValues || depth > maxDepth {
		return v, r.offset(at, "more values, or levels of them, than a template has")
	}
	switch t := token.(type) {
	case json.Delim:
		if t == '{' {
			v.kind = jsonObject
			return v, r.object(&v, depth)
		}
		v.kind = jsonArray
		return v, r.array(&v, depth)
	case string:
		v.kind, v.text = jsonString, t
	case json.Number:
		v.kind, v.text = jsonNumber, t.String()
	case bool:
		v.kind, v.text = jsonBool, fmt.Sprint(t)
	default:
		v.kind = jsonNull
	}
	return v, nil
}

func (r *jsonReader) object(v *jsonValue, depth int) error {
	for r.dec.More() {
		token, at, err := r.next()
		if err != nil {
			return err
		}
		name, _ := token.(string)
		if v.get(name) != nil {
			return r.offset(at, fmt.Sprintf("%q is there twice", printable(name)))
		}
		member, err := r.value(depth + 1)
		if err != nil {
			return err
		}
		v.members = append(v.members, jsonMember{name, member})
	}
	_, _, err := r.next()
	return err
}

func (r *jsonReader) array(v *jsonValue, depth int) error {
	for r.dec.More() {
		item, err := r.value(depth + 1)
		if err != nil {
			return err
		}
		v.items = append(v.items, item)
	}
	_, _, err := r.next()
	return err
}

// offset returns an error at an offset of the file.
func (s source) offset(at int, text string) *FileError {
	before := s.data[:min(max(at, 0), len(s.data))]
	line := 1 + bytes.Count(before, []byte("\n"))
	return s.err(line, len(before)-bytes.LastIndexByte(before, '\n'), text)
}
