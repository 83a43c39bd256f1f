package geo

import (
	"net/netip"
	"sync/atomic"
)

// Current is a DB that may be replaced while it is asked. The zero Current knows nothing.
type Current struct{ db atomic.Pointer[DB] }

// Use takes db into use; nil knows nothing.
func (c *Current) Use(db *DB) { c.db.Store(db) }

// Place is that of the DB in use.
func (c *Current) Place(addr netip.Addr, lang string) (where, operator string) {
	return c.db.Load().Place(addr, lang)
}

// Apart is that of the DB in use.
func (c *Current) Apart(a, b netip.Addr) bool { return c.db.Load().Apart(a, b) }
