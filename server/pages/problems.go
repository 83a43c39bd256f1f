package pages

import (
	"errors"
	"net/http"

	"qrlatch/server/login"
)

// problem is an error as people are told of it: title, what and label name messages.
type problem struct {
	err         error
	status      int
	title, what string
	link, label string
}

// The errors of this package that people see.
var (
	errForeignPost = errors.New("the form did not come from a page of ours")
	errTooLate     = errors.New("approved already")
	errTooFast     = errors.New("too many tries in a minute")
)

// problems are looked through in this order.
var problems = []problem{
	{
		err: login.ErrTaken, status: http.StatusConflict,
		title: "problem.taken", what: "problem.taken_more", link: "/phone", label: "problem.to_phone",
	}, {
		err: login.ErrNotYours, status: http.StatusForbidden,
		title: "problem.not_yours", what: "problem.not_yours_more", link: "/phone", label: "problem.to_phone",
	}, {
		err: errTooLate, status: http.StatusGone,
		title: "problem.too_late", what: "problem.too_late_more", link: "/phone", label: "problem.to_browsers",
	}, {
		err: login.ErrNotFound, status: http.StatusNotFound,
		title: "problem.not_found", what: "problem.not_found_more", link: "/phone", label: "problem.to_phone",
	}, {
		err: errTooFast, status: http.StatusTooManyRequests,
		title: "problem.too_fast", what: "problem.too_fast_more", link: "/phone", label: "problem.to_phone",
	}, {
		err: errForeignPost, status: http.StatusForbidden,
		title: "problem.foreign", what: "problem.foreign_more", link: "/phone", label: "problem.to_phone",
	},
}

// unavailable is for errors that are nobody's fault but ours.
func unavailable() problem {
	return problem{
		status: http.StatusServiceUnavailable,
		title:  "problem.unavailable",
		what:   "problem.unavailable_more",
	}
}
