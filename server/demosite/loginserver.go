package demosite

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

const maxAnswer = 64 << 10 // bytes of an answer that are read

// loginServer is the login server as a site calls it.
type loginServer struct {
	url         string
	app, secret string
	client      *http.Client
}

// statusError is an answer other than what was asked for.
type statusError struct{ code int }

func (e *statusError) Error() string { return fmt.Sprintf("the login server answers %d", e.code) }

// redeem trades the ticket that a browser brought for who that browser's person is.
func (l loginServer) redeem(ctx context.Context, ticket string) (account, error) {
	var answer struct {
		Session struct {
			ID        string `json:"id"`
			ExpiresIn int    `json:"expires_in"`
		} `json:"session"`
		User struct {
			Name    string `json:"name"`
			Picture string `json:"picture"`
		} `json:"user"`
		AuthTime int64 `json:"auth_time"`
	}
	err := l.call(ctx, http.MethodPost, "/v1/tickets/redeem", map[string]string{"ticket": ticket}, &answer)
	if err != nil {
		return account{}, err
	}
	if answer.Session.ID == "" {
		return account{}, errors.New("the login server names no session")
	}
	return account{
		Name: answer.User.Name, Picture: l.picture(answer.User.Picture), session: answer.Session.ID,
		Since: time.Unix(answer.AuthTime, 0), Until: time.Now().Add(time.Duration(answer.Session.ExpiresIn) * time.Second),
	}, nil
}

// picture is the address of a person's picture, if the login server has it: a bare name
// is one of that server's own.
func (l loginServer) picture(name string) string {
	base, err := url.Parse(l.url + "/assets/")
	if err != nil || name == "" {
		return ""
	}
	at, err := base.Parse(name)
	if err != nil || at.Scheme != base.Scheme || at.Host != base.Host {
		return ""
	}
	return at.String()
}

// active tells whether a session has neither ended nor been signed out.
func (l loginServer) active(ctx context.Context, session string) (bool, error) {
	err := l.call(ctx, http.MethodGet, "/v1/sessions/"+url.PathEscape(session), nil, nil)
	return err == nil, unlessUnknown(err)
}

// signOut ends a session. One that is over already is no error.
func (l loginServer) signOut(ctx context.Context, session string) error {
	return unlessUnknown(l.call(ctx, http.MethodDelete, "/v1/sessions/"+url.PathEscape(session), nil, nil))
}

func unlessUnknown(err error) error {
	var status *statusError
	if errors.As(err, &status) && status.code == http.StatusNotFound {
		return nil
	}
	return err
}

// call sends body and reads the answer into result, where they are not nil. Its errors
// tell neither addresses nor answers: those have secrets in them.
func (l loginServer) call(ctx context.Context, method, path string, body, result any) error {
	var sent io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("write a request: %w", err)
		}
		sent = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, l.url+path, sent)
	if err != nil {
		return errors.New("the login server's address is malformed")
	}
	request.SetBasicAuth(l.app, l.secret)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := l.client.Do(request)
	var failed *url.Error
	if errors.As(err, &failed) {
		err = failed.Err
	}
	if err != nil {
		return fmt.Errorf("call the login server: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode >= 300 {
		return &statusError{response.StatusCode}
	}
	if result == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(result); err != nil {
		return errors.New("the login server's answer cannot be read")
	}
	return nil
}
