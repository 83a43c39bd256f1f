package auditlog

import (
	"errors"
	"io"
	"os"
)

// disk is a file that lines are appended to.
type disk struct {
	file io.WriteCloser
	torn bool // what is last in the file has no line's end
	is   os.FileInfo
}

// open opens the file of a name, or makes it. A program that was killed, or had no more
// room, may have left it with half a line.
func open(name string) (*disk, error) {
	// Before it is opened: to open a pipe that nobody reads would never return.
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return nil, errors.New(name + ": want a plain file")
	}
	f, err := os.OpenFile(name, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	d := &disk{file: f}
	if d.is, err = f.Stat(); err == nil && d.is.Size() > 0 {
		last := make([]byte, 1)
		_, err = f.ReadAt(last, d.is.Size()-1)
		d.torn = last[0] != '\n'
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return d, nil
}

// append writes a line, whose end is in text, with one write. It never becomes one with a
// line that was written in part.
func (d *disk) append(text []byte) error {
	if d.torn {
		text = append([]byte{'\n'}, text...)
	}
	n, err := d.file.Write(text)
	if err == nil {
		d.torn = false
	} else if n > 0 {
		d.torn = true
	}
	return err
}
