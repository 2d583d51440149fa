package inventory

import (
	"io"
	"strconv"
	"strings"
)

// People have user IDs in this range; below are daemons, above is nobody.
const (
	firstUser = 1000
	lastUser  = 59_999
)

// readPasswd reads the accounts of people from a passwd(5) file.
func readPasswd(r io.Reader, shown string, add func(pair)) error {
	return lines(r, func(n int, line string) error {
		fields := strings.Split(line, ":")
		if len(fields) < 7 {
			return nil
		}
		id, err := strconv.Atoi(fields[2])
		if err != nil || id < firstUser || id > lastUser {
			return nil
		}
		add(pair{key: strings.ToLower(fields[0]), source: place(shown, n)})
		return nil
	})
}

// readUsers reads the names of a passwd-file of Dovecot, or the output of
// doveadm user '*': nothing behind the first colon is looked at, since
// passwords stand there.
func readUsers(r io.Reader, shown string, add func(pair)) error {
	return lines(r, func(n int, line string) error {
		name, _, _ := strings.Cut(line, ":")
		if name = strings.TrimSpace(name); name != "" && name[0] != '#' {
			add(pair{key: strings.ToLower(name), source: place(shown, n)})
		}
		return nil
	})
}

// passwd lists the accounts of the old system.
func (p *postfix) passwd() table { return systemAccounts(p.files) }

// systemAccounts reads /etc/passwd of the old server.
func systemAccounts(files Files) table {
	var t table
	f, shown, err := files.open("/etc/passwd")
	if err != nil {
		t.why = "the accounts of the old system are in no copy: " + shown + ": " + reason(err)
		t.fix = "copy /etc/passwd of the old server into the parent of the copied directory"
		return t
	}
	defer f.Close()
	if err := readPasswd(f, shown, func(e pair) { t.pairs = append(t.pairs, e) }); err != nil {
		t.why, t.fix = shown+" cannot be read: "+reason(err), "look at the file"
	}
	return t
}

// systemNames are accounts and aliases that systems come with. Unless the log
// shows mail to them nobody misses them. Postmaster, abuse, hostmaster and
// webmaster are not here: people outside write to those (RFC 2142).
var systemNames = func() map[string]bool {
	m := make(map[string]bool)
	for _, name := range strings.Fields(`adm amanda backup bin canna daemon dbus decode desktop dumper fax fetchmail
		ftp ftp-adm ftp-admin ftpadm ftpadmin games gdm gnats gopher haldaemon halt ident ingres irc junkbust ldap lp
		mailer-daemon mailman mailnull man mysql named netdump news newsadm newsadmin nfsnobody nobody noc nscd ntp nut
		operator pcap postfix postgres privoxy proxy pvm quagga radiusd radvd root rpc rpcuser rpm shutdown smmsp
		squid sshd sync sys system systemd-network systemd-resolve systemd-timesync toor usenet uucp vcsa virusalert webalizer
		wnn www www-data xfs syslog messagebus _apt`) {
		m[name] = true
	}
	return m
}()
