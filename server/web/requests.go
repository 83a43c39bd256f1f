package web

import (
	"sync/atomic"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
)

// requests counts them by route and class of status. To look up a counter takes longer than
// to find a route, so each is looked up once.
type requests struct {
	all    *prometheus.CounterVec
	routes map[string]*counters // nobody changes the map
}

// counters are a route's, by class; nil: not looked up yet.
type counters [len(classes)]atomic.Pointer[prometheus.Counter]

// classes are what the metrics tell of a status.
var classes = [...]string{"5xx", "1xx", "2xx", "3xx", "4xx"}

func newRequests(all *prometheus.CounterVec, e *echo.Echo) requests {
	r := requests{all: all, routes: make(map[string]*counters)}
	for _, route := range e.Routes() {
		r.routes[route.Path] = new(counters)
	}
	return r
}

func (r *requests) count(route string, status int) {
	class := status / 100
	if class < 0 || class >= len(classes) {
		class = 0
	}
	found, known := r.routes[route]
	if !known {
		r.all.WithLabelValues(route, classes[class]).Inc()
		return
	}
	counter := found[class].Load()
	if counter == nil { // nor is it in the metrics: they do not tell of what never was
		first := r.all.WithLabelValues(route, classes[class])
		counter = &first
		found[class].Store(counter)
	}
	(*counter).Inc()
}
