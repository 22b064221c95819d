// sts-peer asks a Security Token Service for one token, or writes one registration to a Lookup Service, by govmomi.
//
// It prints one JSON line: the token with the lifetime of the answer, or the SOAP fault with exit code 1.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"time"

	"github.com/vmware/govmomi/sts"
	"github.com/vmware/govmomi/vim25/soap"
)

type options struct {
	operation          string
	url, caFile        string
	username, password string
	certFile, keyFile  string
	tokenFile          string
	actAs              bool
	renewable          bool
	delegatable        bool
	lifetime           time.Duration
	serviceID          string
}

type answer struct {
	Token   string     `json:"token,omitempty"`
	Created *time.Time `json:"created,omitempty"`
	Expires *time.Time `json:"expires,omitempty"`
	Fault   *fault     `json:"fault,omitempty"`
}

type fault struct {
	Code   string `json:"code"`
	String string `json:"string"`
	Detail string `json:"detail,omitempty"`
}

func main() {
	o, err := parseOptions(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(0)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "sts-peer:", err)
		os.Exit(2)
	}
	result, err := run(o)
	if err != nil && soap.IsSoapFault(err) {
		f := soap.ToSoapFault(err)
		result.Fault = &fault{Code: f.Code, String: f.String}
		if detail := f.VimFault(); detail != nil {
			result.Fault.Detail = fmt.Sprintf("%T", detail)
		}
	} else if err != nil {
		fmt.Fprintln(os.Stderr, "sts-peer:", err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		fmt.Fprintln(os.Stderr, "sts-peer:", err)
		os.Exit(1)
	}
	if result.Fault != nil {
		os.Exit(1)
	}
}

func parseOptions(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("sts-peer", flag.ContinueOnError)
	f.StringVar(&o.url, "url", "", "of the STS; of the Lookup Service for create, set and delete")
	f.StringVar(&o.caFile, "ca", "", "PEM `file` holding the only trusted certificates")
	f.StringVar(&o.username, "user", "", "user name")
	f.StringVar(&o.password, "password", "", "that user's password")
	f.StringVar(&o.certFile, "cert", "", "PEM `file` of the certificate to sign with")
	f.StringVar(&o.keyFile, "key", "", "PEM `file` of its key; without -cert the token's holder signs")
	f.StringVar(&o.tokenFile, "token", "", "`file` of a token: to exchange, renew, act as, or write with")
	f.BoolVar(&o.actAs, "act-as", false, "act as the subject of the token")
	f.BoolVar(&o.renewable, "renewable", false, "ask for a renewable token")
	f.BoolVar(&o.delegatable, "delegatable", false, "ask for a delegatable token")
	f.DurationVar(&o.lifetime, "lifetime", 0, "asked for; 0 is the client's own default")
	f.StringVar(&o.serviceID, "service-id", "", "registration that create, set and delete are about")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	o.operation = f.Arg(0)
	if f.NArg() != 1 || o.url == "" || o.caFile == "" {
		return o, errors.New("usage: sts-peer -url URL -ca FILE [flags] issue|renew|create|set|delete")
	}
	return o, nil
}

func run(o options) (answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	request, err := tokenRequest(o)
	if err != nil {
		return answer{}, err
	}
	service, err := serviceClient(o)
	if err != nil {
		return answer{}, err
	}
	client := sts.Client{Client: service.NewServiceClient(o.url, sts.Namespace)}
	client.RoundTripper = client.Client

	var signer *sts.Signer
	switch o.operation {
	case "issue":
		signer, err = client.Issue(ctx, request)
	case "renew":
		signer, err = client.Renew(ctx, request)
	case "create", "set", "delete":
		return answer{}, write(ctx, service.NewServiceClient(o.url, "lookup"), o, request)
	default:
		return answer{}, fmt.Errorf("unknown operation %s", o.operation)
	}
	if err != nil {
		return answer{}, err
	}
	return answer{
		Token:   signer.Token,
		Created: &signer.Lifetime.Created,
		Expires: &signer.Lifetime.Expires,
	}, nil
}

func serviceClient(o options) (*soap.Client, error) {
	u, err := url.Parse(o.url)
	if err != nil {
		return nil, err
	}
	client := soap.NewClient(u, false)
	if err := client.SetRootCAs(o.caFile); err != nil {
		return nil, err
	}
	return client, nil
}

func tokenRequest(o options) (sts.TokenRequest, error) {
	request := sts.TokenRequest{
		Lifetime:    o.lifetime,
		Renewable:   o.renewable,
		Delegatable: o.delegatable,
		ActAs:       o.actAs,
	}
	if o.username != "" {
		request.Userinfo = url.UserPassword(o.username, o.password)
	}
	if o.tokenFile != "" {
		token, err := os.ReadFile(o.tokenFile)
		if err != nil {
			return request, err
		}
		request.Token = string(token)
	}
	var err error
	request.Certificate, err = certificate(o)
	return request, err
}

// certificate gives the key with its certificate or alone, as sts.TokenRequest wants it.
func certificate(o options) (*tls.Certificate, error) {
	if o.keyFile == "" {
		return nil, nil
	}
	if o.certFile != "" {
		pair, err := tls.LoadX509KeyPair(o.certFile, o.keyFile)
		return &pair, err
	}
	text, err := os.ReadFile(o.keyFile)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s is not PEM", o.keyFile)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{PrivateKey: key}, nil
}
