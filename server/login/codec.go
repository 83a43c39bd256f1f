package login

import (
	"errors"
)

// This file writes records down, for stores that keep bytes. A record is
//
//	version (1 byte) | which fields are there (5 bytes, the first field is the lowest bit) | those fields
//
// in the order of its method fields, which reads and writes alike. A field that is zero
// costs its bit, a truth nothing more. A text goes with its length, and some are shortened by
// phrases before; a number goes as a varint, a time as 8 bytes of nanoseconds (it comes back in
// local time, without a monotonic reading).
//
// A field that is added goes to the end of fields, and a field that is dropped leaves its
// bit behind: then a node of the version before reads what a newer one wrote, unless the
// new field is in use. Any other change is a new version.
const (
	recordVersion = 1
	recordBits    = 5 // bytes
)

var (
	errDamagedRecord = errors.New("damaged record")
	errNewerRecord   = errors.New("record of a newer version")
	errTimeOfRecord  = errors.New("record with a time beyond the years 1678 to 2261")
)

func (l *Login) fields(c *coder) {
	text(c, &l.Handle)
	raw(c, l.ID[:])
	text(c, &l.KeyID)
	raw(c, l.Binding[:])
	text(c, &l.App)
	short(c, &l.RedirectURI)
	text(c, &l.SiteState)
	text(c, &l.Lang)
	l.Browser.fields(c)
	number(c, &l.State)
	instant(c, &l.Deadline)
	instant(c, &l.Started)
	instant(c, &l.Scanned)
	instant(c, &l.Approved)
	instant(c, &l.Redeemed)
	l.Phone.fields(c)
	l.Profile.fields(c)
	truth(c, &l.Push)
	text(c, &l.Renewed)
	truth(c, &l.Bound)
	number(c, &l.Ahead)
	number(c, &l.UserCode)
	truth(c, &l.Typed)
	number(c, &l.Risk)
	truth(c, &l.NumberRequired)
	number(c, &l.WrongNumbers)
	raw(c, l.Nonce[:])
	raw(c, l.Redeemer[:])
	truth(c, &l.Void)
	number(c, &l.Told)
}

func (s *Session) fields(c *coder) {
	text(c, &s.ID)
	text(c, &s.KeyID)
	text(c, &s.Login)
	text(c, &s.App)
	s.Browser.fields(c)
	s.Phone.fields(c)
	s.Profile.fields(c)
	instant(c, &s.AuthTime)
	instant(c, &s.Created)
	instant(c, &s.LastSeen)
	instant(c, &s.Expires)
	number(c, &s.Ended)
}

func (t *PushTicket) fields(c *coder) {
	text(c, &t.ID)
	raw(c, t.Secret[:])
	text(c, &t.Session)
	text(c, &t.App)
	t.Phone.fields(c)
	t.Profile.fields(c)
	instant(c, &t.Expires)
	text(c, &t.KeyID)
	t.Browser.fields(c)
}

func (k *Block) fields(c *coder) {
	text(c, &k.ID)
	k.Phone.fields(c)
	instant(c, &k.Expires)
}

func (u *UserCode) fields(c *coder) {
	text(c, &u.ID)
	text(c, &u.Login)
	instant(c, &u.Expires)
}

func (b *KeptBrowser) fields(c *coder) {
	address(c, &b.Addr)
	short(c, &b.UserAgent)
}

func (p *Phone) fields(c *coder) {
	text(c, &p.Issuer)
	text(c, &p.Subject)
}

func (p *Profile) fields(c *coder) {
	text(c, &p.Name)
	text(c, &p.Picture)
}

// Every record is an [encoding.BinaryAppender] and an [encoding.BinaryUnmarshaler]. What is
// damaged, cut short or newer gives an error. AppendBinary leaves a record as it will be read:
// what cannot be written of a time is taken from it.

// AppendBinary writes l down behind b.
func (l *Login) AppendBinary(b []byte) ([]byte, error) {
	c := writer(b)
	l.fields(&c)
	return c.written()
}

// UnmarshalBinary is the inverse of AppendBinary.
func (l *Login) UnmarshalBinary(b []byte) (err error) {
	*l, err = ReadLogin(string(b))
	return err
}

// ReadLogin is UnmarshalBinary without a copy: what it returns keeps parts of record.
func ReadLogin(record string) (l Login, err error) {
	c := reader(record)
	l.fields(&c)
	return l, c.read()
}

// AppendBinary writes s down behind b.
func (s *Session) AppendBinary(b []byte) ([]byte, error) {
	c := writer(b)
	s.fields(&c)
	return c.written()
}

// UnmarshalBinary is the inverse of AppendBinary.
func (s *Session) UnmarshalBinary(b []byte) (err error) {
	*s, err = ReadSession(string(b))
	return err
}

// ReadSession is UnmarshalBinary without a copy: what it returns keeps parts of record.
func ReadSession(record string) (s Session, err error) {
	c := reader(record)
	s.fields(&c)
	return s, c.read()
}

// AppendBinary writes t down behind b.
func (t *PushTicket) AppendBinary(b []byte) ([]byte, error) {
	c := writer(b)
	t.fields(&c)
	return c.written()
}

// UnmarshalBinary is the inverse of AppendBinary.
func (t *PushTicket) UnmarshalBinary(b []byte) (err error) {
	*t, err = ReadPushTicket(string(b))
	return err
}

// ReadPushTicket is UnmarshalBinary without a copy: what it returns keeps parts of record.
func ReadPushTicket(record string) (t PushTicket, err error) {
	c := reader(record)
	t.fields(&c)
	return t, c.read()
}

// AppendBinary writes k down behind b.
func (k *Block) AppendBinary(b []byte) ([]byte, error) {
	c := writer(b)
	k.fields(&c)
	return c.written()
}

// UnmarshalBinary is the inverse of AppendBinary.
func (k *Block) UnmarshalBinary(b []byte) (err error) {
	*k, err = ReadBlock(string(b))
	return err
}

// ReadBlock is UnmarshalBinary without a copy: what it returns keeps parts of record.
func ReadBlock(record string) (k Block, err error) {
	c := reader(record)
	k.fields(&c)
	return k, c.read()
}

// AppendBinary writes u down behind b.
func (u *UserCode) AppendBinary(b []byte) ([]byte, error) {
	c := writer(b)
	u.fields(&c)
	return c.written()
}

// UnmarshalBinary is the inverse of AppendBinary.
func (u *UserCode) UnmarshalBinary(b []byte) (err error) {
	*u, err = ReadUserCode(string(b))
	return err
}

// ReadUserCode is UnmarshalBinary without a copy: what it returns keeps parts of record.
func ReadUserCode(record string) (u UserCode, err error) {
	c := reader(record)
	u.fields(&c)
	return u, c.read()
}
