package provider

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

//go:embed catalogue/*.yaml
var catalogue embed.FS

// ErrUnknown is wrapped by Load for a name that is not in the catalogue.
var ErrUnknown = errors.New("provider: unknown provider")

// Names returns the names of the catalogue, sorted.
func Names() []string {
	entries, err := fs.ReadDir(catalogue, "catalogue")
	if err != nil {
		return nil // impossible: the folder is part of the program
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	slices.Sort(names)
	return names
}

// Load returns a provider of the catalogue.
func Load(name string) (*Provider, error) {
	if !slices.Contains(Names(), name) {
		err := fmt.Errorf("%w %q", ErrUnknown, name)
		if near := Nearest(name); near != "" {
			err = fmt.Errorf("%w; did you mean %q?", err, near)
		}
		return nil, err
	}
	file := "catalogue/" + name + ".yaml"
	data, err := catalogue.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("provider %s: %w", name, err)
	}
	return Parse(file, data)
}

// others are names that people use for a provider of the catalogue.
var others = map[string]string{
	"gmail": "google", "gsuite": "google", "workspace": "google", "googleworkspace": "google",
	"m365": "microsoft365", "o365": "microsoft365", "office365": "microsoft365", "outlook": "microsoft365",
	"exchange": "microsoft365", "microsoft": "microsoft365", "protonmail": "proton", "custom": "generic",
	"ovh": "ovhcloud", "yandex": "yandex360", "namecheap": "privateemail", "tutanota": "tuta", "apple": "icloud",
	"zohomail": "zoho", "1and1": "ionos", "1und1": "ionos", "awsworkmail": "workmail", "amazon": "workmail",
}

// Nearest returns the name of the catalogue that name was probably meant to
// be, or "".
func Nearest(name string) string {
	name = strings.ToLower(strings.NewReplacer("-", "", "_", "", ".", "", " ", "").Replace(name))
	if len(name) > 64 {
		return ""
	}
	if n, ok := others[name]; ok {
		return n
	}
	return nearest(name, Names())
}

// nearest returns the candidate with the least edit distance, if it is near
// enough to be a slip of the finger.
func nearest(name string, candidates []string) string {
	best, least := "", max(2, len(name)/3)+1
	for _, c := range candidates {
		if d := distance(name, c); d < least {
			best, least = c, d
		}
	}
	return best
}

// distance is the Levenshtein distance in octets.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			next := diagonal
			if a[i] != b[j] {
				next = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], next
		}
	}
	return row[len(b)]
}
