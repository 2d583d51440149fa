package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Load reads a mxmove.yaml. What it complains about is an *Error; a file that
// is not there is also fs.ErrNotExist. Whose file it is, CheckDir says.
func Load(file string) (*Config, error) {
	text, err := readFile(file, maxFile)
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return nil, &Error{File: file, Text: "the working directory is not known", Err: err}
	}
	return parse(file, dir, text)
}

// readFile reads a file of at most one octet more than the bound, which the
// parser then complains about.
func readFile(file string, bound int64) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", unreadable(file, err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, bound+1))
	if err != nil {
		return "", unreadable(file, err)
	}
	return string(text), nil
}

func unreadable(file string, err error) *Error {
	e := &Error{File: file, Text: "the file cannot be read", Err: err}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.Text = "there is no such file"
	case errors.Is(err, fs.ErrPermission):
		e.Text = "the file cannot be read: permission denied"
	}
	return e
}

// parse reads the text of a mxmove.yaml that lies in dir.
func parse(file, dir, text string) (*Config, error) {
	r := &reader{file: file, dir: dir}
	c := &Config{
		Dir: dir, File: file,
		Sync:   Sync{Connections: 4, Accounts: 4, Memory: 64 << 20, Deleted: "copy", Gone: "follow"},
		Policy: Policy{Quiet: 14 * 24 * time.Hour, Sweep: 5 * time.Minute},
	}
	if body := r.parse(text); r.err == nil {
		r.config(c, value{node: body})
	}
	if r.err != nil {
		return nil, r.err
	}
	return c, nil
}

func (r *reader) config(c *Config, v value) {
	if v.node != nil && v.kind() != "a mapping" {
		r.fail(nodePlace(v.node), "the file holds "+v.kind()+" and no keys", "begin with domain: example.org")
		return
	}
	seen := r.object(v, map[string]field{
		"accounts":      r.path(&c.Accounts),
		"alias_domains": r.aliases(&c.AliasDomains),
		"dns":           r.dns(&c.DNS),
		"domain":        r.domain(&c.Domain),
		"inventory":     r.inventory(&c.Inventory),
		"policy":        r.policy(&c.Policy),
		"probe":         r.probe(&c.Probe),
		"provider":      r.provider(c),
		"rehearsal":     r.rehearsal(&c.Rehearsal),
		"source":        r.server(&c.Source),
		"sync":          r.sync(&c.Sync),
		"target":        r.server(&c.Target),
		"vars":          r.vars(&c.Vars),
	}, "domain", "provider")
	for _, a := range c.AliasDomains {
		if a.Domain == c.Domain {
			r.fail(seen["domain"], fmt.Sprintf("the domain %q stands under alias_domains too", a.Domain), "remove it there")
		}
	}
}

// provider reads a name from the catalogue or the path of a file.
func (r *reader) provider(c *Config) field {
	return func(v value) {
		s, ok := r.line1(v)
		if !ok {
			return
		}
		ext := filepath.Ext(s)
		if strings.ContainsAny(s, `/\`) || ext == ".yaml" || ext == ".yml" || ext == ".json" {
			c.ProviderFile = r.resolve(s)
			return
		}
		c.Provider = strings.ToLower(s)
	}
}
