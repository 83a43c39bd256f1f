package redistest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// Do sends one command on a connection of its own. An array is answered as lines.
func (s *Server) Do(command ...string) (string, error) { return s.send(command) }

// MustAs is Must with a password.
func (s *Server) MustAs(password string, command ...string) string {
	s.t.Helper()
	answer, err := s.send([]string{"AUTH", password}, command)
	if err != nil {
		s.t.Fatalf("%s: %v", command, err)
	}
	return answer
}

// send sends commands and returns the last answer, or the first error.
func (s *Server) send(commands ...[]string) (string, error) {
	conn, err := net.DialTimeout("tcp", s.Addr, time.Second)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return "", err
	}
	var b strings.Builder
	for _, command := range commands {
		fmt.Fprintf(&b, "*%d\r\n", len(command))
		for _, word := range command {
			fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(word), word)
		}
	}
	if _, err := io.WriteString(conn, b.String()); err != nil {
		return "", err
	}
	var last string
	r := bufio.NewReader(conn)
	for range commands {
		if last, err = answer(r); err != nil {
			return "", err
		}
	}
	return last, nil
}

// answer reads one reply of RESP2, Redis' protocol.
func answer(r *bufio.Reader) (string, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return "", err
	}
	kind, rest := line[0], strings.TrimSpace(line[1:])
	switch kind {
	case '-':
		return "", errors.New(rest)
	case '$':
		n, err := strconv.Atoi(rest)
		if err != nil || n < 0 {
			return "", err
		}
		text := make([]byte, n+len("\r\n"))
		_, err = io.ReadFull(r, text)
		return string(text[:n]), err
	case '*':
		n, err := strconv.Atoi(rest)
		var lines []string
		for range n {
			var line string
			if line, err = answer(r); err != nil {
				break
			}
			lines = append(lines, line)
		}
		return strings.Join(lines, "\n"), err
	}
	return rest, nil // + and :
}
