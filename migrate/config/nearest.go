package config

import (
	"fmt"
	"strings"
)

// nearest returns the word that a person may have meant, or nothing when none
// is close.
func nearest(word string, words []string) string {
	best, distance := "", 3
	if len(word) < 5 {
		distance = 2
	}
	for _, w := range words {
		if d := levenshtein(strings.ToLower(word), w); d < distance || d == distance && best == "" && d < len(w) {
			best, distance = w, d
		}
	}
	return best
}

// meant is the remedy for an unknown word: the nearest one, or all of them.
func meant(word string, words []string) string {
	if w := nearest(word, words); w != "" {
		return fmt.Sprintf("did you mean %q?", w)
	}
	return "known here: " + strings.Join(words, ", ")
}

// levenshtein counts the letters to insert, delete or replace. Words longer
// than any key are simply far.
func levenshtein(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return max(len(a), len(b))
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next := min(row[j]+1, row[j+1]+1, diagonal+cost)
			diagonal, row[j+1] = row[j+1], next
		}
	}
	return row[len(b)]
}
