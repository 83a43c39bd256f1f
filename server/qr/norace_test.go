//go:build !race

package qr_test

// thousands is how many codes are drawn where many are.
func thousands() int { return 2000 }
