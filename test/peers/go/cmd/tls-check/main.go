// tls-check gets one https URL, trusting nothing but the certificates of one file, and prints the HTTP status.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"net/http"
	"os"
	"time"
)

func main() {
	caFile := flag.String("ca", "", "PEM `file` holding the only trusted certificates")
	flag.Parse()
	if *caFile == "" || flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: tls-check -ca FILE URL")
		os.Exit(2)
	}
	if err := check(*caFile, flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, "tls-check:", err)
		os.Exit(1)
	}
}

func check(caFile, target string) error {
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return fmt.Errorf("%s holds no certificate", caFile)
	}
	client := http.Client{
		Timeout:   10 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}},
	}
	res, err := client.Get(target)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	fmt.Println(res.StatusCode)
	return nil
}
