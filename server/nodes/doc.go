// Package nodes is nothing but tests, of what an installation of several equal servers on one
// Redis promises: a login may go over any of them, in every dialect, and no node, balancer or
// Redis in trouble leaves anybody waiting for nothing.
//
// An attempt is a whole login of one browser, one phone and one site. It is driven over a door,
// which says to which node each request goes and what a client makes of an error. The nodes are
// in this process, under the race detector, or processes of the built program.
package nodes
