//go:build race

package qr_test

// thousands is how many codes are drawn where many are: few under the race detector, in whose
// slowness they have nothing to find. `make race` runs this package without it, too.
func thousands() int { return 200 }
