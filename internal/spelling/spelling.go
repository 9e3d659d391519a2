// Package spelling finds the word that was probably meant: the nearest known one for a mistyped command, flag, key or name.
//
// It compares letters and knows no language: what two words mean, and whether they are the same thing, is for the caller.
package spelling

import "strings"

// most is how many edits a mistyped word is away at most.
const most = 2

// Nearest gives the known word that is at most two edits from word, whatever their case, or "". Of words that are equally
// near, the first. Less than half of its letters may be wrong: rust is not ruby.
func Nearest(word string, known []string) string {
	best, bestDistance := "", most+1
	for _, candidate := range known {
		if d := distance(strings.ToLower(word), strings.ToLower(candidate)); d < bestDistance && 2*d < len(candidate) {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// distance is the number of edits (insert, delete, replace, swap neighbours) between two words. Words whose lengths alone
// are too far apart are not compared.
func distance(word, known string) int {
	a, b := []rune(word), []rune(known)
	if apart := len(a) - len(b); apart > most || -apart > most {
		return most + 1
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
