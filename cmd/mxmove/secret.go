package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/mxmove/mxmove/migrate/config"
)

const (
	maxSecret     = 1 << 16          // octets
	secretTimeout = 60 * time.Second // for a command to print it
)

// secrets resolves what the configuration only describes. Each is read once:
// nobody is asked twice, and a command that talks to a password store runs
// once for all accounts that share it.
type secrets struct {
	ctx  context.Context // of the command: commands and questions end with it
	dir  string          // where commands run
	term *terminal

	mu   sync.Mutex
	seen map[string]string
}

// resolve returns the secret's text.
func (s *secrets) resolve(c config.Secret) (string, error) {
	if text, ok := c.Literal(); ok {
		return text, nil
	}
	key := keyOf(c)
	s.mu.Lock()
	defer s.mu.Unlock()
	if text, ok := s.seen[key]; ok {
		return text, nil
	}
	text, err := s.read(c)
	if err != nil {
		return "", err
	}
	if text == "" {
		return "", &config.Error{Text: "the secret " + c.String() + " is empty", Fix: "give it a value"}
	}
	if s.seen == nil {
		s.seen = make(map[string]string)
	}
	s.seen[key] = text
	return text, nil
}

// renew resolves a secret anew, for one that may have changed since: the access
// token that a command prints, or that another program keeps in a file.
func (s *secrets) renew(c config.Secret) (string, error) {
	s.mu.Lock()
	delete(s.seen, keyOf(c))
	s.mu.Unlock()
	return s.resolve(c)
}

// keyOf tells secrets apart without holding any.
func keyOf(c config.Secret) string {
	return fmt.Sprint(c.Env, "\x00", c.File, "\x00", c.Prompt, "\x00", strings.Join(c.Command, "\x00"))
}

func (s *secrets) read(c config.Secret) (string, error) {
	switch {
	case c.Env != "":
		text, ok := os.LookupEnv(c.Env)
		if !ok {
			return "", &config.Error{Text: fmt.Sprintf("the environment variable %s is not set", c.Env), Fix: "set it before you run mxmove"}
		}
		return text, nil
	case c.File != "":
		return readSecretFile(c.File)
	case len(c.Command) > 0:
		return s.run(c.Command)
	case c.Prompt:
		text, err := s.term.askSecret("password: ")
		if errors.Is(err, errNobody) {
			return "", &config.Error{Text: "a secret is to be asked for, and nobody can be asked", Fix: "run mxmove on a terminal, or use env, file or command"}
		}
		return text, err
	}
	return "", &config.Error{Text: "a password is missing", Fix: "add it to accounts.csv or mxmove.yaml"}
}

// readSecretFile refuses a file that others can read: whoever can read it has
// the mailbox.
func readSecretFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", &config.Error{File: path, Text: "secret file: " + err.Error(), Fix: "name a readable file", Err: err}
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("secret file %s: %w", path, err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return "", &config.Error{File: path, Text: fmt.Sprintf("the secret file can be read by others (mode %04o)", mode), Fix: "chmod 600 " + path}
	}
	data, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return "", fmt.Errorf("secret file %s: %w", path, err)
	}
	if len(data) > maxSecret {
		return "", &config.Error{File: path, Text: "the secret file is larger than 64 KiB", Fix: "name the right file"}
	}
	return finalNewline(string(data)), nil
}

func (s *secrets) run(argv []string) (string, error) {
	ctx, cancel := context.WithTimeout(s.ctx, secretTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Stderr = s.dir, s.term.err
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("secret command %s: %w", argv[0], err)
	}
	if len(out) > maxSecret {
		return "", fmt.Errorf("secret command %s: more than 64 KiB", argv[0])
	}
	return finalNewline(string(out)), nil
}

// finalNewline drops the one newline that an editor or echo has added.
func finalNewline(text string) string {
	return strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
}
