package web

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// contract holds a server to docs/openapi.yaml, and notes what of the file it has met.
type contract struct {
	*fixture
	t          *testing.T
	doc        *openapi3.T
	operations map[string]*routers.Route // by operationId
	met        map[string]bool           // "operation status", "Schema.member", a type of problem
}

func readContract(t *testing.T) *contract {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromFile("../../docs/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c := &contract{t: t, doc: doc, operations: map[string]*routers.Route{}, met: map[string]bool{}}
	for at, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			c.operations[operation.OperationID] = &routers.Route{
				Spec: doc, Server: doc.Servers[0], Path: at, PathItem: item, Method: method, Operation: operation,
			}
		}
	}
	openapi3filter.RegisterBodyDecoder("text/javascript", openapi3filter.PlainBodyDecoder)
	c.everyAnswer(func(_ string, schema *openapi3.SchemaRef) { closeSchema(schema) })
	return c
}

// closeSchema makes members that the file does not name an error: clients must be ready
// for more, the file must not be behind.
func closeSchema(s *openapi3.SchemaRef) {
	if s == nil {
		return
	}
	if no := false; len(s.Value.Properties) > 0 {
		s.Value.AdditionalProperties = openapi3.AdditionalProperties{Has: &no}
	}
	for _, member := range s.Value.Properties {
		closeSchema(member)
	}
	closeSchema(s.Value.Items)
}

// everyAnswer visits the schemas of JSON that the server sends.
func (c *contract) everyAnswer(visit func(name string, s *openapi3.SchemaRef)) {
	for _, name := range slices.Sorted(maps.Keys(c.operations)) {
		for _, answer := range c.operations[name].Operation.Responses.Map() {
			for _, content := range answer.Value.Content {
				if content.Schema != nil {
					visit(name, content.Schema)
				}
			}
		}
	}
	visit("Login", c.doc.Components.Schemas["Login"]) // also in scripts and streams
}

func TestTheOpenAPIFileIsValid(t *testing.T) {
	c := readContract(t)
	if err := c.doc.Validate(t.Context(), openapi3.EnableExamplesValidation()); err != nil {
		t.Error(err)
	}
	if !c.doc.IsOpenAPI31OrLater() {
		t.Errorf("it is of version %s", c.doc.OpenAPI)
	}
}

// TestTheOpenAPIFileHasEveryRoute looks at both sides: whatever the server answers below
// /v1 is in the file, and whatever is in the file leads to a route of its own.
func TestTheOpenAPIFileHasEveryRoute(t *testing.T) {
	c := readContract(t)
	e := newFixture(t, nil).Handler.(*front).echo
	missing := map[string]bool{}
	for _, r := range e.Routes() {
		if strings.HasPrefix(r.Path, "/v1/") {
			missing[r.Method+" "+r.Path] = true
		}
	}
	if len(missing) < 10 {
		t.Fatalf("the test sees nothing: %v", missing)
	}
	for name, at := range c.operations {
		found := e.NewContext(nil, nil)
		e.Router().Find(at.Method, example(at.Path), found)
		literal := !strings.Contains(found.Path(), ":") // "/v1/logins/x" must not lead to "/v1/:any"
		if found.Path() == "" || literal != !strings.Contains(at.Path, "{") {
			t.Errorf("%s: %s %s leads to %q", name, at.Method, at.Path, found.Path())
		}
		delete(missing, at.Method+" "+found.Path())
	}
	for route := range missing {
		t.Errorf("%s is not in the file", route)
	}
}

// example is an address of a path, of nothing that is there.
func example(template string) string {
	return regexp.MustCompile(`\{\w+\}`).ReplaceAllString(template, "x")
}

// call sends a request of an operation to the real handler, and holds the answer to the
// file. The request too, if it was taken: one that is refused need not be one of the file's.
func (c *contract) call(operation string, want int, target, body string, headers ...string) *httptest.ResponseRecorder {
	c.t.Helper()
	w := c.send(operation, target, body, headers...)
	if w.Code != want {
		c.t.Fatalf("%s %s: %d %s, want %d", operation, target, w.Code, w.Body, want)
	}
	return w
}

// until repeats a call until the answer is the wanted one.
func (c *contract) until(operation string, want int, target, body string, headers ...string) {
	c.t.Helper()
	for range 200 {
		if c.send(operation, target, body, headers...).Code == want {
			return
		}
	}
	c.t.Errorf("%s %s: never %d", operation, target, want)
}

func (c *contract) send(operation, target, body string, headers ...string) *httptest.ResponseRecorder {
	c.t.Helper()
	route, ok := c.operations[operation]
	if !ok {
		c.t.Fatalf("no operation %s", operation)
	}
	r := httptest.NewRequest(route.Method, "https://login.example"+target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		switch name, value, _ := strings.Cut(h, ": "); name {
		case "Host":
			r.Host = value
		case "Peer":
			r.RemoteAddr = value
		default:
			r.Header.Set(name, value)
		}
	}
	input := c.input(route, r.Clone(c.t.Context()))
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	c.check(operation, input, w.Code, w.Header(), w.Body.Bytes())
	input.Request.Body = io.NopCloser(strings.NewReader(body))
	if w.Code < 400 {
		if err := openapi3filter.ValidateRequest(c.t.Context(), input); err != nil {
			c.t.Errorf("%s %s: the server takes it, the file does not: %v", operation, target, err)
		}
	}
	return w
}

func (c *contract) input(route *routers.Route, r *http.Request) *openapi3filter.RequestValidationInput {
	pattern := regexp.MustCompile(`\\\{(\w+)\\\}`).ReplaceAllString(regexp.QuoteMeta(route.Path), `(?P<$1>[^/]+)`)
	names := regexp.MustCompile("^" + pattern + "$")
	values := names.FindStringSubmatch(r.URL.Path)
	if values == nil {
		c.t.Fatalf("%s is not at %s", r.URL.Path, route.Path)
	}
	found := map[string]string{}
	for i, name := range names.SubexpNames()[1:] {
		found[name], _ = url.PathUnescape(values[i+1])
	}
	return &openapi3filter.RequestValidationInput{Request: r, PathParams: found, Route: route, Options: &openapi3filter.Options{
		AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, SkipSettingDefaults: true, RejectWhenRequestBodyNotSpecified: true,
		IncludeResponseStatus: true, MultiError: true,
	}}
}

// check holds an answer to the file.
func (c *contract) check(operation string, to *openapi3filter.RequestValidationInput, status int, header http.Header, body []byte) {
	c.t.Helper()
	answer := &openapi3filter.ResponseValidationInput{RequestValidationInput: to, Status: status, Header: header, Options: to.Options}
	answer.SetBodyBytes(body)
	if err := openapi3filter.ValidateResponse(to.Request.Context(), answer); err != nil {
		c.t.Errorf("%s: the file has no such answer %d: %v\n%s", operation, status, err, body)
		return
	}
	c.met[fmt.Sprintf("%s %d", operation, status)] = true
	described := to.Route.Operation.Responses.Status(status).Value
	if len(described.Content) == 0 && len(body) > 0 {
		c.t.Errorf("%s %d: the file has no body: %s", operation, status, body)
	}
	content := described.Content.Get(header.Get("Content-Type"))
	if content == nil || content.Schema == nil || !strings.Contains(header.Get("Content-Type"), "json") {
		return
	}
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		c.t.Fatal(err)
	}
	c.see(operation, content.Schema, value)
}

// says holds JSON out of a script or a stream to a schema of the file.
func (c *contract) says(schema, body string) map[string]any {
	c.t.Helper()
	var value any
	if err := json.Unmarshal([]byte(body), &value); err != nil {
		c.t.Fatalf("%v: %s", err, body)
	}
	s := c.doc.Components.Schemas[schema]
	if err := s.Value.VisitJSON(value, openapi3.EnableJSONSchema2020()); err != nil {
		c.t.Errorf("no %s: %v\n%s", schema, err, body)
	}
	c.see(schema, s, value)
	members, _ := value.(map[string]any)
	return members
}

// see notes which members, and which types of problems, a value has.
func (c *contract) see(at string, s *openapi3.SchemaRef, value any) {
	if s.Ref != "" {
		at = path.Base(s.Ref)
	}
	switch value := value.(type) {
	case map[string]any:
		for name, member := range s.Value.Properties {
			if v, ok := value[name]; ok {
				c.met[at+"."+name] = true
				c.see(at+"."+name, member, v)
			}
		}
	case []any:
		for _, v := range value {
			c.see(at, s.Value.Items, v)
		}
	case string:
		if at == "Problem.type" {
			c.met[value] = true
		}
	}
}

// leftOut lists what is in the file and was not met.
func (c *contract) leftOut() (names []string) {
	for name, route := range c.operations {
		for status := range route.Operation.Responses.Map() {
			names = append(names, name+" "+status)
		}
	}
	var members func(at string, s *openapi3.SchemaRef)
	members = func(at string, s *openapi3.SchemaRef) {
		if s.Ref != "" {
			at = path.Base(s.Ref)
		}
		for name, member := range s.Value.Properties {
			names = append(names, at+"."+name)
			members(at+"."+name, member)
		}
		if s.Value.Items != nil {
			members(at, s.Value.Items)
		}
	}
	c.everyAnswer(members)
	for _, kind := range c.doc.Components.Schemas["Problem"].Value.Properties["type"].Value.Enum {
		names = append(names, kind.(string))
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool { return c.met[name] })
}
