// decode-bench decodes a SOAP List answer over and over, with the decoder and types govmomi's client uses, and
// prints the median round as JSON.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/url"
	"os"
	"slices"
	"time"

	"github.com/vmware/govmomi/lookup"
	"github.com/vmware/govmomi/lookup/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/xml"
)

type report struct {
	Name          string  `json:"name"`
	Bytes         int     `json:"bytes"`
	NsPerOp       int64   `json:"nsPerOp"`
	MbPerSecond   float64 `json:"mbPerSecond"`
	Registrations int     `json:"registrations"`
}

func main() {
	rounds := flag.Int("rounds", 15, "how often the answer is decoded")
	flag.Parse()
	if flag.NArg() != 1 || *rounds < 1 {
		fmt.Fprintln(os.Stderr, "usage: decode-bench [-rounds N] FILE")
		os.Exit(2)
	}
	if err := bench(flag.Arg(0), *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "decode-bench:", err)
		os.Exit(1)
	}
}

func bench(file string, rounds int) error {
	answer, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	// Only to get the type resolver of a Lookup Service client; nothing is sent.
	client := soap.NewClient(&url.URL{Scheme: "https", Host: "127.0.0.1"}, false)
	types := client.NewServiceClient(lookup.Path, lookup.Namespace).Types

	registrations := 0
	times := make([]time.Duration, rounds)
	for i := range times {
		var body methods.ListBody
		start := time.Now()
		dec := xml.NewDecoder(bytes.NewReader(answer))
		dec.TypeFunc = types
		err := dec.Decode(&soap.Envelope{Body: &body})
		times[i] = time.Since(start)
		if err != nil {
			return err
		}
		if body.Res == nil {
			return fmt.Errorf("%s is not a List answer", file)
		}
		registrations = len(body.Res.Returnval)
	}
	slices.Sort(times)
	median := times[rounds/2]
	return json.NewEncoder(os.Stdout).Encode(report{
		Name:          "govmomi",
		Bytes:         len(answer),
		NsPerOp:       median.Nanoseconds(),
		MbPerSecond:   float64(len(answer)) / 1e6 / median.Seconds(),
		Registrations: registrations,
	})
}
