package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"sync/atomic"

	yaml "go.yaml.in/yaml/v3"

	"qrlatch/server/auditlog"
	"qrlatch/server/geo"
	"qrlatch/server/login"
	"qrlatch/server/pages"
)

// fileNames is a file's name, or a list of them.
type fileNames []string

// UnmarshalYAML takes a text or a list.
func (n *fileNames) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		var one string
		if err := node.Decode(&one); err != nil || one == "" {
			return err
		}
		*n = fileNames{one}
		return nil
	}
	return node.Decode((*[]string)(n))
}

// checkRecord reads the files of places, and looks where the audit log would be. It makes
// no file: a check of the configuration must not.
func (c *config) checkRecord(wrong *problems) {
	db, err := geo.Open(c.file.GeoIPFile...)
	if err != nil {
		wrong.add("geoip_file: %s", err)
	}
	c.geo = db
	if name := c.file.AuditLog; name != "" {
		if err := mayWrite(name); err != nil {
			wrong.add("audit_log: %s", err)
		}
	}
}

func mayWrite(name string) error {
	info, err := os.Stat(name)
	if errors.Is(err, os.ErrNotExist) {
		info, err = os.Stat(filepath.Dir(name))
		if err == nil && !info.IsDir() {
			err = fmt.Errorf("%s is no directory", filepath.Dir(name))
		}
		return err
	}
	if err == nil && !info.Mode().IsRegular() {
		return errors.New(name + ": want a plain file")
	}
	return err
}

// record is what the program knows of places, and keeps of what was done. Both change
// at a reload.
type record struct {
	log    *slog.Logger
	places geo.Current
	audit  atomic.Pointer[auditlog.Log] // nil: none is kept

	observe func(login.Step) // for whoever measures

	unboundScans atomic.Uint64
}

// set takes over a configuration. The audit log is opened again even if its name is the
// same: it may have been renamed, to be put away.
func (r *record) set(c *config) error {
	r.places.Use(c.geo)
	name, now := c.file.AuditLog, r.audit.Load()
	switch {
	case name == "" && now != nil:
		r.audit.Store(nil)
		return now.Close()
	case name == "":
		return nil
	case now != nil:
		return now.Reopen(name)
	}
	opened, err := auditlog.Open(name, auditlog.Options{
		Log: r.log, Family: pages.Family,
		Place: func(a netip.Addr) (string, string) { return r.places.Place(a, "en") },
	})
	if err == nil {
		r.audit.Store(opened)
	}
	return err
}

// serve has the service ask and tell the record.
func (r *record) serve(c *login.Config) {
	c.Observe = r.observe
	c.Apart = r.places.Apart
	c.Audit = func(e login.Event) {
		if e.Unbound {
			r.unboundScans.Add(1)
		}
		if audit := r.audit.Load(); audit != nil {
			audit.Write(e)
		}
	}
}

// lost counts the lines that the audit log has lost.
func (r *record) lost() float64 {
	if audit := r.audit.Load(); audit != nil {
		return float64(audit.Lost())
	}
	return 0
}

// unbound counts the scans after which whoever has the login id may collect.
func (r *record) unbound() float64 { return float64(r.unboundScans.Load()) }

func (r *record) close() {
	if audit := r.audit.Load(); audit != nil {
		if err := audit.Close(); err != nil {
			r.log.Error("the audit log was not closed", "error", err)
		}
	}
}
