package handout

import (
	"bytes"
	"encoding/csv"
	"slices"
	"strings"

	"github.com/mxmove/mxmove/migrate/inventory"
)

// A Value is something that the provider's console shows.
type Value struct {
	Name, Title, Where string
	Later              bool // the console shows it only once the domain is verified
	Missing            []string
}

// Values lists the provider's variables, with the domains that still lack one.
func (p page) Values() []Value {
	var vs []Value
	for _, v := range p.Provider.Variables {
		value := Value{Name: v.Name, Title: v.Title, Where: v.Where, Later: v.AfterVerification}
		if (v.Required || v.AfterVerification) && v.Default == "" {
			for _, d := range p.Domains() {
				if len(p.vars(d)[v.Name]) == 0 {
					value.Missing = append(value.Missing, d)
				}
			}
		}
		vs = append(vs, value)
	}
	return vs
}

func (p page) vars(domain string) map[string][]string {
	for _, a := range p.Config.AliasDomains {
		if a.Domain == domain {
			return a.Vars
		}
	}
	return p.Config.Vars
}

// usual fills the variables of a name with what they are unless somebody has
// chosen otherwise.
func (p page) usual(name string) string {
	for _, v := range p.Provider.Variables {
		if v.Default != "" {
			name = strings.ReplaceAll(name, "%"+v.Name+"%", v.Default)
		}
	}
	return name
}

// DKIM lists the records that the keys stand in. Without the console's values
// they are told as the catalogue has them.
func (p page) DKIM() []string {
	var names []string
	for _, domain := range p.Domains() {
		records, err := p.Provider.Expand(domain, p.vars(domain))
		if err != nil {
			records.DKIM = p.Provider.DKIM.Records
		}
		for _, r := range records.DKIM {
			if name := r.Type + " " + p.usual(strings.TrimSuffix(r.Name, ".")); !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// AccountTable is accounts.csv as the provider's administrator needs it.
func (p page) AccountTable() (string, error) {
	rows := [][]string{{"address", "login", "aliases"}}
	for _, a := range p.Accounts {
		rows = append(rows, []string{a.Address, a.TargetUser, strings.Join(a.Aliases, " ")})
	}
	return table(rows)
}

// Further lists the addresses that the old server accepts and accounts.csv does
// not name.
func (p page) Further() []inventory.Address {
	if p.Old == nil {
		return nil
	}
	var listed []string
	for _, a := range p.Accounts {
		for _, address := range append([]string{a.Address}, a.Aliases...) {
			listed = append(listed, strings.ToLower(address))
		}
	}
	slices.Sort(listed)
	var all []inventory.Address
	seen := make(map[string]inventory.Observation)
	for _, o := range p.Old.Observed {
		seen[o.Address] = o
	}
	for _, a := range p.Old.Configured {
		_, used := seen[a.Address]
		delete(seen, a.Address)
		if _, found := slices.BinarySearch(listed, a.Address); !found && (!a.System || used) {
			all = append(all, a)
		}
	}
	for _, o := range p.Old.Observed {
		base, extended := inventory.Base(o.Address, p.Old.Delimiter)
		_, found := slices.BinarySearch(listed, o.Address)
		_, ofListed := slices.BinarySearch(listed, base)
		if _, left := seen[o.Address]; left && !found && !(extended && ofListed) {
			all = append(all, inventory.Address{Address: o.Address, Kind: "seen in the log", Sources: []string{o.Source}})
		}
	}
	slices.SortStableFunc(all, func(a, b inventory.Address) int { return strings.Compare(a.Address, b.Address) })
	return all
}

// FurtherTable is Further with where each address leads.
func (p page) FurtherTable() (string, error) {
	rows := [][]string{{"address", "kind", "leads_to", "found_in"}}
	for _, a := range p.Further() {
		rows = append(rows, []string{a.Address, string(a.Kind), strings.Join(a.To, "; "), strings.Join(a.Sources, " ")})
	}
	return table(rows)
}

// Extended lists addresses with an extension that are in use.
func (p page) Extended() []string {
	if p.Old == nil {
		return nil
	}
	var all []string
	for _, o := range p.Old.Observed {
		if _, extended := inventory.Base(o.Address, p.Old.Delimiter); extended {
			all = append(all, o.Address)
		}
	}
	return all
}

// Wild lists the domains whose every address the old server accepts.
func (p page) Wild() []string {
	if p.Old == nil {
		return nil
	}
	var all []string
	for _, w := range p.Old.CatchAll {
		all = append(all, w.Domain)
	}
	return all
}

// Named lists the parameters of Postfix that name a domain.
func (p page) Named(domain string) []string {
	if p.Old == nil {
		return nil
	}
	return p.Old.Classes[domain]
}

// table writes CSV, indented so that it stands out of a text. A cell that a
// spreadsheet would take for a formula begins with a blank.
func table(rows [][]string) (string, error) {
	for _, row := range rows {
		for i, cell := range row {
			if cell != "" && strings.ContainsRune("=+-@", rune(cell[0])) {
				row[i] = " " + cell
			}
		}
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.WriteAll(rows); err != nil {
		return "", err
	}
	return "    " + strings.ReplaceAll(strings.TrimRight(b.String(), "\n"), "\n", "\n    "), nil
}
