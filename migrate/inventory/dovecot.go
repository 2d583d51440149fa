package inventory

import (
	"fmt"
	"path"
	"strings"
)

// Bounds of a configuration of Dovecot.
const (
	maxIncludes    = 200
	maxIncludeDeep = 8
)

// A database is one passdb or userdb of Dovecot.
type database struct {
	kind     string // "passdb" or "userdb"
	settings map[string]string
	source   string
}

// A dovecot is one configuration being read.
type dovecot struct {
	files     Files
	b         *builder
	left      int // files that may still be included
	databases []database
	stack     []*database // open blocks; nil for those of no interest
}

// readDovecot adds the users of a Dovecot.
func readDovecot(files Files, b *builder) error {
	d := &dovecot{files: files, b: b, left: maxIncludes}
	named, err := d.listing(path.Join(DovecotDir, UsersFile))
	if err != nil && !missing(err) {
		return fmt.Errorf("%s: %w", UsersFile, unwrapped(err))
	}
	err = d.config(path.Join(DovecotDir, "dovecot.conf"), 0)
	switch {
	case missing(err) && !named:
		return fmt.Errorf("%w: dovecot.conf or %s", ErrMissing, UsersFile)
	case err != nil && !missing(err):
		return fmt.Errorf("dovecot.conf: %w", unwrapped(err))
	}
	for _, db := range d.databases {
		d.users(db, named)
	}
	return nil
}

// config reads one file and what it includes.
func (d *dovecot) config(name string, depth int) error {
	if d.left--; d.left < 0 || depth > maxIncludeDeep {
		return errTooLarge
	}
	f, shown, err := d.files.open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return lines(f, func(n int, line string) error {
		line = uncommented(line)
		word, rest, _ := strings.Cut(line, " ")
		rest = strings.TrimSpace(rest)
		switch {
		case line == "":
		case word == "!include" || word == "!include_try":
			d.include(name, rest, depth)
		case strings.HasSuffix(line, "{"):
			d.begin(strings.Fields(strings.TrimSuffix(line, "{")), place(shown, n))
		case line == "}":
			if len(d.stack) > 0 {
				d.end()
			}
		default:
			d.setting(line)
		}
		return nil
	})
}

// include reads the files of a pattern. One that cannot be read is named: it
// may hold the users.
func (d *dovecot) include(from, pattern string, depth int) {
	if !path.IsAbs(pattern) {
		pattern = path.Join(path.Dir(from), pattern)
	}
	for _, name := range d.files.glob(pattern) {
		if err := d.config(name, depth+1); err != nil && !missing(err) {
			d.b.unlisted("include of "+name, "it cannot be read: "+reason(err), "look at the file")
		}
	}
}

func (d *dovecot) begin(words []string, source string) {
	if len(d.stack) > 64 {
		return
	}
	var db *database
	if len(words) > 0 && (words[0] == "passdb" || words[0] == "userdb") {
		db = &database{kind: words[0], settings: make(map[string]string), source: source}
		if len(words) > 1 { // since 2.4 the block carries a name, by default the driver's
			db.settings["driver"] = words[1]
		}
	}
	d.stack = append(d.stack, db)
}

func (d *dovecot) end() {
	db := d.stack[len(d.stack)-1]
	d.stack = d.stack[:len(d.stack)-1]
	if db != nil && len(d.databases) < maxIncludes {
		d.databases = append(d.databases, *db)
	}
}

func (d *dovecot) setting(line string) {
	if len(d.stack) == 0 || d.stack[len(d.stack)-1] == nil {
		return
	}
	name, value, ok := strings.Cut(line, "=")
	if !ok {
		return
	}
	name = strings.TrimSpace(name)
	if name == "passdb_driver" || name == "userdb_driver" {
		name = "driver"
	}
	d.stack[len(d.stack)-1].settings[name] = strings.Trim(strings.TrimSpace(value), `"`)
}

// users lists what a database holds. Named says that doveadm has listed all.
func (d *dovecot) users(db database, named bool) {
	driver := db.settings["driver"]
	if db.settings["deny"] == "yes" || db.settings["master"] == "yes" {
		return // those who may not log in, and those who may for others
	}
	switch driver {
	case "passwd-file":
		d.passwdFile(db)
	case "static", "prefetch", "":
		// They hold nobody: the other database does.
	case "passwd", "pam", "shadow", "bsdauth":
		t := systemAccounts(d.files)
		if t.why != "" && !named {
			d.b.unlisted(db.kind+" of "+db.source, t.why, t.fix)
		}
		d.keep(t.pairs, d.b.moved[:min(1, len(d.b.moved))])
	default:
		if !named {
			d.b.unlisted(db.kind+" of "+db.source, "users of the driver "+driver+" stand in no file",
				"write the output of doveadm user '*' to "+path.Join(DovecotDir, UsersFile)+" in the copy")
		}
	}
}

// passwdFile reads a file of users. A variable in its path stands for the
// domain; a file for each of them is looked for.
func (d *dovecot) passwdFile(db database) {
	name, format := passwdArgs(db)
	if name == "" {
		return
	}
	whole := forDomain.Replace(name)
	if strings.Contains(whole, "%") {
		d.b.unlisted(db.kind+" of "+db.source, "the path of its file depends on the user: "+name,
			"write the output of doveadm user '*' to "+path.Join(DovecotDir, UsersFile)+" in the copy")
		return
	}
	// With a format of the local part alone a user of the file is one in
	// every domain.
	everywhere := strings.Contains(format, "%n") || strings.Contains(format, "username")
	domains := d.b.moved
	if !everywhere && whole == name {
		domains = domains[:min(1, len(domains))]
	}
	for _, domain := range domains {
		d.userFile(db, strings.ReplaceAll(whole, anyDomain, domain), domain)
	}
}

// anyDomain stands for the domain in a path; no path of a person holds it.
const anyDomain = "\x00"

var forDomain = strings.NewReplacer("%d", anyDomain, "%{domain}", anyDomain, "%{user|domain}", anyDomain, "%{user | domain}", anyDomain)

// passwdArgs returns the path of a file of users and the form of their names,
// as 2.4 writes them and as the versions before did.
func passwdArgs(db database) (name, format string) {
	name, format = db.settings["passwd_file_path"], db.settings["auth_username_format"]
	for _, arg := range strings.Fields(db.settings["args"]) {
		if value, ok := strings.CutPrefix(arg, "username_format="); ok {
			format = value
		} else if strings.HasPrefix(arg, "/") {
			name = arg
		}
	}
	return name, format
}

// userFile reads the users of one file; those without a domain get the given
// one.
func (d *dovecot) userFile(db database, name, domain string) {
	f, shown, err := d.files.open(name)
	if err != nil {
		d.b.unlisted(db.kind+" of "+db.source, shown+" cannot be read: "+reason(err), "copy it from the old server")
		return
	}
	defer f.Close()
	var pairs []pair
	if err := readUsers(f, shown, func(e pair) { pairs = append(pairs, e) }); err != nil {
		d.b.unlisted(db.kind+" of "+db.source, shown+" cannot be read: "+reason(err), "look at the file")
	}
	d.keep(pairs, []string{domain})
}

// listing reads the output of doveadm user '*'.
func (d *dovecot) listing(name string) (bool, error) {
	f, shown, err := d.files.open(name)
	if err != nil {
		return false, err
	}
	defer f.Close()
	var pairs []pair
	err = readUsers(f, shown, func(e pair) { pairs = append(pairs, e) })
	d.keep(pairs, d.b.moved[:min(1, len(d.b.moved))])
	return true, err
}

// keep adds users; those without a domain are in each of the given ones.
func (d *dovecot) keep(users []pair, domains []string) {
	for _, u := range users {
		if strings.Contains(u.key, "@") {
			d.b.add(u.key, Mailbox, nil, u.source, false)
			continue
		}
		for _, domain := range domains {
			d.b.add(u.key+"@"+domain, Mailbox, nil, u.source, systemNames[u.key])
		}
	}
}

// uncommented returns a line without its comment and outer blanks. A number
// sign begins a comment at the beginning and after a blank, outside quotation
// marks.
func uncommented(line string) string {
	inside := false
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '"':
			inside = !inside
		case '#':
			if !inside && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t') {
				return strings.TrimSpace(line[:i])
			}
		}
	}
	return strings.TrimSpace(line)
}
