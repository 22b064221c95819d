// session-peer logs in to a vCenter by govmomi, with a token or a password, and asks who it is.
//
// It prints one JSON line: the session of each door that was asked for, or the error with exit code 1. Sessions are
// ended again unless -keep says otherwise.
package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/vmware/govmomi/session"
	"github.com/vmware/govmomi/sts"
	"github.com/vmware/govmomi/vapi/rest"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/soap"
)

type options struct {
	doors              []string
	url, caFile        string
	username, password string
	certFile, keyFile  string
	tokenFile          string
	keep               bool
}

// result is what one door said.
type result struct {
	ID    string `json:"id,omitempty"`
	Key   string `json:"key,omitempty"`
	User  string `json:"user,omitempty"`
	Error string `json:"error,omitempty"`
}

func main() {
	o, err := parseOptions(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(0)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "session-peer:", err)
		os.Exit(2)
	}
	results := map[string]result{}
	failed := false
	for _, door := range o.doors {
		r, err := logIn(o, door)
		if err != nil {
			r.Error = err.Error()
			failed = true
		}
		results[door] = r
	}
	if err := json.NewEncoder(os.Stdout).Encode(results); err != nil {
		fmt.Fprintln(os.Stderr, "session-peer:", err)
		os.Exit(1)
	}
	if failed {
		os.Exit(1)
	}
}

func parseOptions(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("session-peer", flag.ContinueOnError)
	f.StringVar(&o.url, "url", "", "of the server")
	f.StringVar(&o.caFile, "ca", "", "PEM `file` holding the only trusted certificates")
	f.StringVar(&o.username, "user", "", "user name; without -token")
	f.StringVar(&o.password, "password", "", "that user's password")
	f.StringVar(&o.certFile, "cert", "", "PEM `file` of the certificate that the token is bound to")
	f.StringVar(&o.keyFile, "key", "", "PEM `file` of its key")
	f.StringVar(&o.tokenFile, "token", "", "`file` of a token to log in with")
	f.BoolVar(&o.keep, "keep", false, "leave the sessions open")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	o.doors = f.Args()
	if len(o.doors) == 0 || o.url == "" || o.caFile == "" {
		return o, errors.New("usage: session-peer -url URL -ca FILE [flags] rest|soap…")
	}
	return o, nil
}

func logIn(o options, door string) (result, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	u, err := url.Parse(o.url)
	if err != nil {
		return result{}, err
	}
	u.Path = vim25.Path
	client := soap.NewClient(u, false)
	if err := client.SetRootCAs(o.caFile); err != nil {
		return result{}, err
	}
	signer, err := o.signer()
	if err != nil {
		return result{}, err
	}
	switch door {
	case "rest":
		return o.rest(ctx, client, signer)
	case "soap":
		return o.soap(ctx, client, signer)
	default:
		return result{}, fmt.Errorf("unknown door %s", door)
	}
}

// signer is what adds the token to a request; nil without a token.
func (o options) signer() (*sts.Signer, error) {
	if o.tokenFile == "" {
		return nil, nil
	}
	token, err := os.ReadFile(o.tokenFile)
	if err != nil {
		return nil, err
	}
	signer := &sts.Signer{Token: string(token)}
	if o.certFile != "" {
		pair, err := tls.LoadX509KeyPair(o.certFile, o.keyFile)
		if err != nil {
			return nil, err
		}
		signer.Certificate = &pair
	}
	return signer, nil
}

func (o options) rest(ctx context.Context, client *soap.Client, signer *sts.Signer) (result, error) {
	c := rest.NewClient(&vim25.Client{Client: client})
	var err error
	if signer != nil {
		err = c.LoginByToken(c.WithSigner(ctx, signer))
	} else {
		err = c.Login(ctx, url.UserPassword(o.username, o.password))
	}
	if err != nil {
		return result{}, err
	}
	r := result{ID: c.SessionID()}
	info, err := c.Session(ctx)
	if err != nil {
		return r, err
	}
	if info == nil {
		return r, errors.New("the server does not know the session that it gave")
	}
	r.User = info.User
	if !o.keep {
		err = c.Logout(ctx)
	}
	return r, err
}

func (o options) soap(ctx context.Context, client *soap.Client, signer *sts.Signer) (result, error) {
	c, err := vim25.NewClient(ctx, client)
	if err != nil {
		return result{}, err
	}
	m := session.NewManager(c)
	if signer != nil {
		// As govc does: the version of LoginByToken must be one that the server knows.
		if err := c.UseServiceVersion(); err != nil {
			return result{}, err
		}
		err = m.LoginByToken(c.WithHeader(ctx, soap.Header{Security: signer}))
	} else {
		err = m.Login(ctx, url.UserPassword(o.username, o.password))
	}
	if err != nil {
		return result{}, err
	}
	var r result
	for _, cookie := range c.Jar.Cookies(c.URL()) {
		if cookie.Name == soap.SessionCookieName {
			r.ID = strings.Trim(cookie.Value, `"`)
		}
	}
	info, err := m.UserSession(ctx)
	if err != nil {
		return r, err
	}
	if info == nil {
		return r, errors.New("the server does not know the session that it gave")
	}
	r.Key, r.User = info.Key, info.UserName
	if !o.keep {
		err = m.Logout(ctx)
	}
	return r, err
}
