package login

import (
	"context"
	"time"
)

// Store keeps what the Service knows. Every implementation passes storetest.
type Store struct {
	Logins    Table[Handle, Login]
	Sessions  Table[SessionID, Session]
	Push      Table[PushID, PushTicket]
	Blocks    Table[BlockID, Block]
	UserCodes Table[UserCodeID, UserCode]
	Audience  Audience // nil: no other node has the store
}

// Record is what a Table keeps. It is a value: a Table returns copies.
type Record[K comparable] interface {
	Key() K
	// Owner is the phone that Owned lists the record for; the zero Phone for none.
	// It may be set once and does not change afterwards.
	Owner() Phone
	// ExpiresAt is when the Table may forget the record. It may move.
	ExpiresAt() time.Time
}

// Table keeps records of one kind until they expire. Every method is safe for
// concurrent use. An error other than those named means that the table could not
// be reached; the caller may try again.
type Table[K ~string, R Record[K]] interface {
	// Create saves a new record. It returns ErrExists if the key is taken and
	// ErrFull if the table's limit is reached.
	Create(ctx context.Context, r R) error

	// Get returns ErrNotFound for unknown and for expired records alike.
	Get(ctx context.Context, key K) (R, error)

	// Update applies change atomically and returns the record as saved. change may
	// run more than once and must not touch anything but its argument. If it
	// returns an error, nothing is saved and Update returns that error together
	// with the record as it was. ErrNotFound as in Get.
	Update(ctx context.Context, key K, change func(*R) error) (R, error)

	// Delete forgets a record. Deleting what is not there is no error.
	Delete(ctx context.Context, key K) error

	// Owned lists the live records of a phone, in no order. It costs time in
	// proportion to its answer.
	Owned(ctx context.Context, phone Phone) ([]R, error)

	// Notify names the one function that is told the key of every followed record
	// that Update has saved or Delete has removed, on any node. It is called at
	// least once per change, after the change can be read here, and it may be
	// called concurrently, late and without need. Call Notify before anything else.
	Notify(func(key K))

	// Follow asks for notifications of a key on this node, Unfollow ends that. Of the changes
	// after the next Get of the key, none is missed.
	// They are counted by the caller: one Follow per key is outstanding at most.
	// A table that notifies of every key may do nothing here.
	Follow(key K)
	Unfollow(key K)
}
