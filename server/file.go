package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	yaml "go.yaml.in/yaml/v3"
)

// file is the YAML file. Every flag may stand in it too, with _ for -.
type file struct {
	Apps      []appEntry     `yaml:"apps"`
	Phones    phonesEntry    `yaml:"phones"`
	GeoIPFile fileNames      `yaml:"geoip_file"`
	AuditLog  string         `yaml:"audit_log"`
	Limits    limits         `yaml:"limits"`
	Flags     map[string]any `yaml:",inline"`
}

type appEntry struct {
	ID           string   `yaml:"id"`
	Name         string   `yaml:"name"`
	Logo         string   `yaml:"logo"`
	RedirectURIs []string `yaml:"redirect_uris"`
	Origins      []string `yaml:"origins"`
	SecretSHA256 string   `yaml:"secret_sha256"`
	Disclose     string   `yaml:"disclose_on_scan"`
	Number       string   `yaml:"number"`
	Passkey      string   `yaml:"passkey"`
	Sessions     string   `yaml:"sessions"`
	UnboundScan  string   `yaml:"unbound_scan"`
	LogoutURL    string   `yaml:"logout_url"`
	Lang         string   `yaml:"lang"`
}

type phonesEntry struct {
	Tokens        []tokenEntry        `yaml:"tokens"`
	JWT           *jwtEntry           `yaml:"jwt"`
	Introspection *introspectionEntry `yaml:"introspection"`
	OIDC          *oidcEntry          `yaml:"oidc"`
	AppLinks      *appLinksEntry      `yaml:"app_links"`
	Passkeys      *passkeysEntry      `yaml:"passkeys"`
}

type passkeysEntry struct {
	RPID    string   `yaml:"rp_id"`
	Origins []string `yaml:"origins"`
}

type oidcEntry struct {
	Issuer           string `yaml:"issuer"`
	ClientID         string `yaml:"client_id"`
	ClientSecretFile string `yaml:"client_secret_file"`
}

type appLinksEntry struct {
	Android []androidEntry `yaml:"android"`
	IOS     []string       `yaml:"ios"`
}

type androidEntry struct {
	Package      string   `yaml:"package"`
	Fingerprints []string `yaml:"sha256_cert_fingerprints"`
}

type tokenEntry struct {
	TokenSHA256 string `yaml:"token_sha256"`
	Subject     string `yaml:"subject"`
	Name        string `yaml:"name"`
	Picture     string `yaml:"picture"`
}

// readFile reads the YAML file and sets those flags that were not given otherwise.
func (c *config) readFile(flags *flag.FlagSet, given map[string]bool) (wrong []string) {
	text, err := os.ReadFile(c.configFile)
	if err != nil {
		return []string{fmt.Sprintf("--config: %s", err)}
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&c.file); err != nil && !errors.Is(err, io.EOF) {
		for _, line := range yamlErrors(err, text) {
			wrong = append(wrong, c.configFile+": "+line)
		}
		return wrong
	}
	for _, line := range fractions(text) {
		wrong = append(wrong, c.configFile+": "+line)
	}
	for key, value := range c.file.Flags {
		name := strings.ReplaceAll(key, "_", "-")
		f := flags.Lookup(name)
		if f == nil || key != strings.ReplaceAll(name, "-", "_") || name == "config" {
			wrong = append(wrong, fmt.Sprintf("%s: unknown key %q", c.configFile, key))
			continue
		}
		if given[name] {
			continue
		}
		for _, v := range texts(value) {
			if err := setFlag(f, v); err != nil {
				wrong = append(wrong, fmt.Sprintf("%s: %s: %s", c.configFile, key, err))
			}
		}
	}
	return wrong
}

// texts gives a YAML value, or each of a list, as a flag's text.
func texts(value any) (out []string) {
	if many, ok := value.([]any); ok {
		for _, v := range many {
			out = append(out, fmt.Sprint(v))
		}
		return out
	}
	if value == nil {
		return []string{""}
	}
	return []string{fmt.Sprint(value)}
}
