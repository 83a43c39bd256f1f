package backchannel

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"syscall"
)

// fault says of which class it is that a site could not be asked. The error itself is shown
// to nobody: net/http quotes what it cannot read, and a site may answer with the notice,
// which is a token.
func fault(err error) error {
	var (
		name    *net.DNSError
		number  syscall.Errno
		unknown x509.UnknownAuthorityError
		other   x509.HostnameError
		invalid x509.CertificateInvalidError
		broken  *tls.CertificateVerificationError
		alert   tls.AlertError
		record  tls.RecordHeaderError
		timeout net.Error
	)
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return errors.New("no answer in time")
	case errors.As(err, &name):
		return errors.New("its name is not found")
	case errors.As(err, &number):
		return number // one of the system's own words: "connection refused"
	case errors.As(err, &unknown):
		return errors.New("nobody whom this system trusts has signed its certificate")
	case errors.As(err, &other):
		return errors.New("its certificate is of another name")
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return errors.New("its certificate has expired, or is not valid yet")
	case errors.As(err, &invalid), errors.As(err, &broken):
		return errors.New("its certificate is not good")
	case errors.As(err, &alert), errors.As(err, &record):
		return errors.New("it speaks no TLS that we do")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("it hangs up without an answer")
	}
	return errors.New("its answer is malformed, or the way there is broken")
}
