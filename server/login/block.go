package login

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/netip"
	"time"
)

// BlockID names a block: a phone and a network.
type BlockID string

// Block keeps logins from a network away from a phone: its person has said of a
// session from there that it was not theirs.
type Block struct {
	ID      BlockID
	Phone   Phone
	Expires time.Time
}

// Key makes Block a [Record].
func (b Block) Key() BlockID { return b.ID }

// Owner is the phone that it protects.
func (b Block) Owner() Phone { return b.Phone }

// ExpiresAt is when it ends.
func (b Block) ExpiresAt() time.Time { return b.Expires }

const (
	blockLife = 24 * time.Hour
	// regret is how long after a sign-in a person may say "it was not me".
	regret = 24 * time.Hour
)

func blockID(phone Phone, addr netip.Addr) BlockID {
	var room [192]byte // as much as most have
	b := append(phone.appendKey(room[:0]), 0)
	b = append(b, Network(addr)...)
	sum := sha256.Sum256(b)
	return BlockID(encode(sum[:secretBytes]))
}

// Network is the NetworkPrefix of addr as text, for keys.
func Network(addr netip.Addr) string {
	network := NetworkPrefix(addr)
	if network.IsSingleIP() || !network.IsValid() {
		return network.Addr().String()
	}
	return network.String()
}

// NetworkPrefix is what one customer gets from a provider: an address, or an IPv6 /64. Of
// the zero Addr it is the zero Prefix: one place for all.
func NetworkPrefix(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap()
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	network, _ := addr.Prefix(bits) // fails for the zero Addr alone
	return network
}

// Disown ends the session id of the phone who as SignOutByPhone does, and, if it began
// within 24 h, keeps logins from its network away from this phone for as long.
func (s *Service) Disown(ctx context.Context, who Phone, id string) error {
	v, err := s.activeSession(ctx, id, func(v Session) bool { return v.Phone == who })
	if err != nil {
		return err
	}
	if time.Since(v.Created) < regret {
		b := Block{ID: blockID(who, v.Browser.Addr), Phone: who, Expires: time.Now().Add(blockLife)}
		if err := s.store.Blocks.Create(ctx, b); err != nil && !errors.Is(err, ErrExists) {
			return wrap("block network", err)
		}
	}
	return s.end(ctx, v.ID, ByPhone, EventNotMe)
}

// checkBlock returns ErrBlocked for a login that comes from where who had an intruder.
func (s *Service) checkBlock(ctx context.Context, who Phone, from netip.Addr) error {
	_, err := s.store.Blocks.Get(ctx, blockID(who, from))
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err == nil {
		err = ErrBlocked
	}
	return wrap("check block", err)
}
