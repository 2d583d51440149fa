package config_test

import (
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/mxmove/mxmove/migrate/config"
)

func TestLoadAccounts(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(testdata, "accounts.csv"))
	if err != nil {
		t.Fatal(err)
	}
	file := write(t, "accounts.csv", string(text))
	dir := filepath.Dir(file)
	want := []config.Account{
		{
			SourceUser: "anna", TargetUser: "anna@example.org",
			SourcePassword: config.Secret{Env: "ANNA_OLD"}, TargetPassword: config.Secret{Env: "ANNA_NEW"},
			Address: "anna@example.org", Aliases: []string{"sales@example.org", "billing@example.net"}, Line: 2,
		},
		{
			SourceUser: "bert@example.org", TargetUser: "bert",
			SourcePassword: config.Secret{File: filepath.Join(dir, "secrets", "bert")},
			Address:        "Bert@example.org", Line: 3,
		},
		{SourceUser: "info", TargetUser: "anna@example.org", Address: "anna@example.org", Into: "Info", Line: 4},
	}
	got, err := config.LoadAccounts(file, "example.org")
	if err != nil {
		t.Fatal(err)
	}
	for i := range got {
		got[i].Aliases = append([]string(nil), got[i].Aliases...)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("LoadAccounts = %+v, want %+v", got, want)
	}
	if name := got[2].Name(); name != "anna@example.org/Info" {
		t.Errorf("Name = %q", name)
	}
}

func TestLoadAccountsSpreadsheet(t *testing.T) {
	t.Parallel()
	text := "\ufeffsource_user , target_user\r\n anna,\r\n\r\n\"bert\",\"b\"\"x\"\r\n"
	got, err := config.LoadAccounts(write(t, "accounts.csv", text), "bücher.example")
	if err != nil {
		t.Fatal(err)
	}
	want := []config.Account{
		{SourceUser: "anna", TargetUser: "anna", Address: "anna@xn--bcher-kva.example", Line: 2},
		{SourceUser: "bert", TargetUser: `b"x`, Address: `b"x@xn--bcher-kva.example`, Line: 4},
	}
	for i := range got {
		got[i].Aliases = nil
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("LoadAccounts = %+v, want %+v", got, want)
	}
}

func TestPasswordsInTheList(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("there are no modes")
	}
	const text = "source_user,source_password,target_password\nanna,env:A,file:b\nbert,hunter2 ,\n"
	tests := []struct {
		mode os.FileMode
		want string
	}{
		{0o600, ""},
		{0o400, ""},
		{0o640, "accounts.csv:3:1: a password stands here, and group or others can read the file; run chmod 600 "},
		{0o604, "accounts.csv:3:1: a password stands here, and group or others can read the file; run chmod 600 "},
		{0o602, "accounts.csv: others can write this; "},
	}
	for _, tt := range tests {
		file := write(t, "accounts.csv", text)
		if err := os.Chmod(file, tt.mode); err != nil {
			t.Fatal(err)
		}
		got, err := config.LoadAccounts(file, "example.org")
		if tt.want == "" {
			if err != nil {
				t.Errorf("%o: %v", tt.mode, err)
				continue
			}
			if s, ok := got[1].SourcePassword.Literal(); !ok || s != "hunter2 " {
				t.Errorf("%o: the password is %q, with its blanks", tt.mode, s)
			}
			continue
		}
		if err == nil || !strings.HasPrefix(err.Error(), filepath.Dir(file)+"/"+tt.want) {
			t.Errorf("%o: %v, want %s", tt.mode, err, tt.want)
		}
	}
}
