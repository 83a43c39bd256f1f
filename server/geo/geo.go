// Package geo says where in the world an address is, and whose network it is in, by
// files in MaxMind's format (.mmdb): of cities or countries, of network operators (ASN),
// or both.
package geo

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"

	"github.com/oschwald/maxminddb-golang/v2"
)

// maxFile is more than the largest of such files has.
const maxFile = 2 << 30

// DB is what some files know. It is safe for concurrent use; a nil *DB knows nothing.
type DB struct{ places, networks *maxminddb.Reader }

// Open reads one file, or one of each kind. They are kept in memory: a file that were
// mapped would end the process if somebody cut it short.
func Open(files ...string) (*DB, error) {
	db := &DB{}
	for _, name := range files {
		r, err := open(name)
		if err != nil {
			return nil, err
		}
		kind := r.Metadata.DatabaseType
		places := contains(kind, "City", "Country", "Enterprise")
		networks := contains(kind, "ASN", "ISP", "Enterprise")
		switch {
		case !places && !networks:
			return nil, fmt.Errorf("%s: its type is %q: want a file of cities, countries or networks (ASN)", name, kind)
		case places && db.places != nil || networks && db.networks != nil:
			return nil, fmt.Errorf("%s: another file of the same kind is there already", name)
		}
		if places {
			db.places = r
		}
		if networks {
			db.networks = r
		}
	}
	return db, nil
}

func open(name string) (*maxminddb.Reader, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return nil, errors.New(name + ": want a MaxMind file (.mmdb)")
	}
	body, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	r, err := maxminddb.OpenBytes(body)
	if err != nil {
		return nil, fmt.Errorf("%s: want a MaxMind file (.mmdb): %w", name, err)
	}
	return r, nil
}

func contains(kind string, words ...string) bool {
	for _, w := range words {
		if strings.Contains(kind, w) {
			return true
		}
	}
	return false
}

// place is what files of cities and countries say. Their other members are not read.
type place struct {
	City struct {
		Names map[string]string `maxminddb:"names"`
	} `maxminddb:"city"`
	Country struct {
		Code  string            `maxminddb:"iso_code"`
		Names map[string]string `maxminddb:"names"`
	} `maxminddb:"country"`
}

// network is what files of networks say.
type network struct {
	Number uint   `maxminddb:"autonomous_system_number"`
	Name   string `maxminddb:"autonomous_system_organization"`
}

// Place names city and country in a language, and the network operator. What is not
// known, as of every private address, is empty.
func (db *DB) Place(addr netip.Addr, lang string) (where, operator string) {
	p, n := db.find(addr)
	city, country := inLanguage(p.City.Names, lang), inLanguage(p.Country.Names, lang)
	if country == "" {
		country = p.Country.Code
	}
	if where = country; city != "" && city != country { // Singapore is both
		where = strings.TrimSuffix(city+", "+country, ", ")
	}
	return where, n.Name
}

// Apart tells whether two addresses are known to be in different countries or in
// networks of different operators. Of what is not known of both it says nothing.
func (db *DB) Apart(a, b netip.Addr) bool {
	aPlace, aNetwork := db.find(a)
	bPlace, bNetwork := db.find(b)
	differ := func(a, b string) bool { return a != "" && b != "" && a != b }
	return differ(aPlace.Country.Code, bPlace.Country.Code) ||
		aNetwork.Number != 0 && bNetwork.Number != 0 && aNetwork.Number != bNetwork.Number
}

func (db *DB) find(addr netip.Addr) (p place, n network) {
	addr = addr.Unmap()
	if db == nil || !addr.IsGlobalUnicast() || addr.IsPrivate() {
		return p, n
	}
	// A damaged record is as good as none.
	if db.places != nil && db.places.Lookup(addr).Decode(&p) != nil {
		p = place{}
	}
	if db.networks != nil && db.networks.Lookup(addr).Decode(&n) != nil {
		n = network{}
	}
	return p, n
}

// inLanguage looks for "zh" under "zh-CN" as well, which is what the files have.
func inLanguage(names map[string]string, lang string) string {
	if name := names[lang]; name != "" {
		return name
	}
	for key, name := range names {
		if base, _, _ := strings.Cut(key, "-"); base == lang && name != "" {
			return name
		}
	}
	return names["en"]
}
