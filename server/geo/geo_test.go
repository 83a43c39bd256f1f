package geo_test

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"

	"qrlatch/server/geo"
)

// write writes a file that knows the given networks.
func write(t testing.TB, kind string, records map[string]mmdbtype.DataType) string {
	t.Helper()
	tree, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: kind, RecordSize: 24, IncludeReservedNetworks: true})
	if err != nil {
		t.Fatal(err)
	}
	for cidr, record := range records {
		_, n, err := net.ParseCIDR(cidr)
		if err != nil {
			t.Fatal(err)
		}
		if err := tree.Insert(n, record); err != nil {
			t.Fatal(err)
		}
	}
	name := filepath.Join(t.TempDir(), kind+".mmdb")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tree.WriteTo(f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return name
}

type names = map[string]string

func record(code string, country, city names) mmdbtype.Map {
	say := func(n names) mmdbtype.Map {
		said := mmdbtype.Map{}
		for lang, name := range n {
			said[mmdbtype.String(lang)] = mmdbtype.String(name)
		}
		return mmdbtype.Map{"names": said}
	}
	c := say(country)
	c["iso_code"] = mmdbtype.String(code)
	return mmdbtype.Map{"country": c, "city": say(city), "location": mmdbtype.Map{"latitude": mmdbtype.Float64(1)}}
}

func operator(number uint32, name string) mmdbtype.Map {
	return mmdbtype.Map{
		"autonomous_system_number":       mmdbtype.Uint32(number),
		"autonomous_system_organization": mmdbtype.String(name),
	}
}

func cities(t testing.TB) string {
	return write(t, "GeoLite2-City", map[string]mmdbtype.DataType{
		"1.1.0.0/16":     record("PT", names{"en": "Portugal", "zh-CN": "葡萄牙"}, names{"en": "Lisbon", "es": "Lisboa"}),
		"2.2.0.0/16":     record("SG", names{"en": "Singapore"}, names{"en": "Singapore"}),
		"3.3.0.0/16":     record("PT", names{"en": "Portugal"}, nil),
		"4.4.0.0/16":     record("XX", nil, nil),
		"10.0.0.0/8":     record("PT", names{"en": "Portugal"}, names{"en": "Nowhere"}), // must not be read
		"2a00:1::/32":    record("DE", names{"en": "Germany"}, names{"en": "Berlin"}),
		"9.9.9.0/24":     mmdbtype.Map{"country": mmdbtype.String("not a map")},
		"169.254.0.0/16": record("PT", nil, nil),
	})
}

func operators(t testing.TB) string {
	return write(t, "DBIP-ASN-Lite (compat=GeoLite2-ASN)", map[string]mmdbtype.DataType{
		"1.1.0.0/17":   operator(64500, "Home Telecom"),
		"1.1.128.0/17": operator(64501, "Mobile Telecom"),
		"3.3.0.0/16":   operator(64500, "Home Telecom"),
		"2a00:1::/32":  operator(64502, "Six"),
	})
}

func open(t *testing.T, files ...string) *geo.DB {
	t.Helper()
	db, err := geo.Open(files...)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func TestAnAddressHasAPlaceInTheReadersLanguageAndAnOperator(t *testing.T) {
	both := open(t, cities(t), operators(t))
	for _, test := range []struct{ addr, lang, place, network string }{
		{"1.1.1.1", "en", "Lisbon, Portugal", "Home Telecom"},
		{"1.1.1.1", "es", "Lisboa, Portugal", "Home Telecom"},
		{"1.1.1.1", "zh", "Lisbon, 葡萄牙", "Home Telecom"},
		{"1.1.1.1", "ko", "Lisbon, Portugal", "Home Telecom"},
		{"::ffff:1.1.200.1", "en", "Lisbon, Portugal", "Mobile Telecom"},
		{"2.2.2.2", "en", "Singapore", ""},
		{"3.3.3.3", "en", "Portugal", "Home Telecom"},
		{"4.4.4.4", "en", "XX", ""},
		{"2a00:1::7", "en", "Berlin, Germany", "Six"},
		{"8.8.8.8", "en", "", ""},
		{"9.9.9.9", "en", "", ""},
		{"10.1.2.3", "en", "", ""},
		{"169.254.1.1", "en", "", ""},
		{"127.0.0.1", "en", "", ""},
		{"::1", "en", "", ""},
		{"fd00::1", "en", "", ""},
	} {
		place, network := both.Place(netip.MustParseAddr(test.addr), test.lang)
		if place != test.place || network != test.network {
			t.Errorf("%s in %s: %q, %q", test.addr, test.lang, place, network)
		}
	}
	if place, network := both.Place(netip.Addr{}, "en"); place+network != "" {
		t.Errorf("no address is in %q, %q", place, network)
	}
}

func TestAnotherCountryOrOperatorIsApartAndAnotherAddressIsNot(t *testing.T) {
	city, asn := cities(t), operators(t)
	for _, test := range []struct {
		name  string
		files []string
		a, b  string
		apart bool
	}{
		{"another address", []string{city, asn}, "1.1.1.1", "1.1.2.2", false},
		{"another city", []string{city, asn}, "1.1.1.1", "3.3.3.3", false},
		{"another operator", []string{city, asn}, "1.1.1.1", "1.1.200.1", true},
		{"another operator, which only a file of networks knows", []string{city}, "1.1.1.1", "1.1.200.1", false},
		{"another operator by such a file alone", []string{asn}, "1.1.1.1", "1.1.200.1", true},
		{"another country", []string{city}, "1.1.1.1", "2.2.2.2", true},
		{"another country, over IPv6", []string{city}, "1.1.1.1", "2a00:1::1", true},
		{"unknown", []string{city, asn}, "1.1.1.1", "8.8.8.8", false},
		{"at home", []string{city, asn}, "1.1.1.1", "10.0.0.1", false},
		{"no file", nil, "1.1.1.1", "2.2.2.2", false},
	} {
		db := open(t, test.files...)
		a, b := netip.MustParseAddr(test.a), netip.MustParseAddr(test.b)
		if db.Apart(a, b) != test.apart || db.Apart(b, a) != test.apart || db.Apart(a, a) || db.Apart(a, netip.Addr{}) {
			t.Errorf("%s: apart %v", test.name, db.Apart(a, b))
		}
	}
}

func TestAFileOfAnotherKindIsRefusedByName(t *testing.T) {
	text := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(text, []byte("Lisbon is in Portugal"), 0o600); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(cities(t))
	if err != nil {
		t.Fatal(err)
	}
	short := filepath.Join(t.TempDir(), "short.mmdb")
	if err := os.WriteFile(short, whole[:len(whole)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		files []string
		want  string
	}{
		{[]string{filepath.Join(t.TempDir(), "absent.mmdb")}, "absent.mmdb"},
		{[]string{t.TempDir()}, "want a MaxMind file"},
		{[]string{text}, "notes.txt: want a MaxMind file"},
		{[]string{short}, "short.mmdb: want a MaxMind file"},
		{[]string{write(t, "GeoIP2-Anonymous-IP", nil)}, `its type is "GeoIP2-Anonymous-IP"`},
		{[]string{cities(t), cities(t)}, "same kind"},
	} {
		if _, err := geo.Open(test.files...); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v: %v", test.files, err)
		}
	}
}

func TestTheFileInUseCanBeReplaced(t *testing.T) {
	var now geo.Current
	a, b := netip.MustParseAddr("1.1.1.1"), netip.MustParseAddr("2.2.2.2")
	if place, _ := now.Place(a, "en"); place != "" || now.Apart(a, b) {
		t.Error("it knows something without a file")
	}
	now.Use(open(t, cities(t)))
	if place, _ := now.Place(a, "en"); place != "Lisbon, Portugal" || !now.Apart(a, b) {
		t.Error("it does not know the file's places")
	}
	now.Use(nil)
	if place, _ := now.Place(a, "en"); place != "" {
		t.Error("it still knows places")
	}
}

// A file that was damaged, or made to harm, says nothing and stops nothing.
func TestNoByteOfAFileMakesALookupFail(t *testing.T) {
	whole, err := os.ReadFile(cities(t))
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "damaged.mmdb")
	for i := 0; i < len(whole); i += 5 {
		damaged := append([]byte(nil), whole...)
		damaged[i] ^= 0xff
		if err := os.WriteFile(name, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		db, err := geo.Open(name)
		if err != nil {
			continue
		}
		for _, addr := range []string{"1.1.1.1", "2.2.2.2", "2a00:1::7", "9.9.9.9"} {
			db.Place(netip.MustParseAddr(addr), "en")
		}
	}
}
