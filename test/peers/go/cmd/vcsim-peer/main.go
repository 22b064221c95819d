// vcsim-peer runs govmomi's vCenter simulator, or a linked group of them, until SIGTERM, SIGINT or the end of stdin.
//
// One JSON line on stdout says where the servers are and which CA signed their certificates.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

type options struct {
	linked             int
	plain              bool
	breakURLs          bool
	unresolveURLs      bool
	noLookup           bool
	delay              time.Duration
	log                bool
	username, password string
	version            string
	tls                bool
	esx                bool
	tunnel             bool
}

// announcement is the line on stdout.
type announcement struct {
	Servers []serverInfo `json:"servers"`
	CAFile  string       `json:"caFile,omitempty"`
}

type serverInfo struct {
	URL          string `json:"url"`
	Host         string `json:"host"`
	Port         int    `json:"port"`
	NodeID       string `json:"nodeId"`
	InstanceName string `json:"instanceName"`
	InstanceUUID string `json:"instanceUuid"`
	TunnelPort   int    `json:"tunnelPort,omitempty"`
}

func main() {
	o, err := parseOptions(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(0)
	}
	if err != nil {
		os.Exit(2)
	}
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "vcsim-peer:", err)
		os.Exit(1)
	}
}

func parseOptions(args []string) (options, error) {
	var o options
	var delayMs int
	f := flag.NewFlagSet("vcsim-peer", flag.ContinueOnError)
	f.IntVar(&o.linked, "linked", 1, "number of vCenters; each lists the registrations of all")
	f.BoolVar(&o.plain, "plain", false, "leave the registrations as the simulator makes them (one vCenter only)")
	f.BoolVar(&o.breakURLs, "break-lookup-urls", false, "put /enoent before the path of every registered URL")
	f.BoolVar(&o.unresolveURLs, "unresolve-lookup-urls", false, "register a host that does not resolve")
	f.BoolVar(&o.noLookup, "no-lookup", false, "answer 404 in place of the Lookup Service")
	f.IntVar(&delayMs, "delay-ms", 0, "added before each HTTP answer")
	f.BoolVar(&o.log, "log", false, "write method, path and SOAPAction of each request to stderr")
	f.StringVar(&o.username, "username", "Administrator@vsphere.local", "the only accepted user")
	f.StringVar(&o.password, "password", "VMware1!", "that user's password")
	f.StringVar(&o.version, "version", "8.0.3", "release that About reports")
	f.BoolVar(&o.tls, "tls", true, "serve https")
	f.BoolVar(&o.esx, "esx", false, "simulate an ESXi host")
	f.BoolVar(&o.tunnel, "tunnel", false, "open the tunnel by which extensions log in, as port 80 of a vCenter")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	o.delay = time.Duration(delayMs) * time.Millisecond
	var problem string
	switch {
	case f.NArg() > 0:
		problem = "unexpected argument " + f.Arg(0)
	case o.linked < 1:
		problem = "-linked must be at least 1"
	case o.plain && o.linked > 1:
		problem = "-plain is for one vCenter"
	case o.esx && o.linked > 1:
		problem = "-esx is for one host"
	case delayMs < 0:
		problem = "-delay-ms must not be negative"
	}
	if problem != "" {
		fmt.Fprintln(os.Stderr, "vcsim-peer:", problem)
		return o, errors.New(problem)
	}
	return o, nil
}

func run(o options) error {
	// Before anything is made that would have to be removed.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	stdinEnd := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(stdinEnd)
	}()

	dir, err := os.MkdirTemp("", "vcsim-peer-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	var line announcement
	var authority *authority
	if o.tls {
		if authority, err = newAuthority(); err != nil {
			return err
		}
		line.CAFile = filepath.Join(dir, "ca.pem")
		if err := os.WriteFile(line.CAFile, authority.pem(), 0o600); err != nil {
			return err
		}
	}

	var nodes []*node
	for i := range o.linked {
		n, err := startNode(o, fmt.Sprintf("vc%02d.peer.example", i+1), authority)
		if err != nil {
			return err
		}
		defer n.remove()
		nodes = append(nodes, n)
	}
	if !o.esx {
		link(nodes)
	}
	for _, n := range nodes {
		line.Servers = append(line.Servers, n.info())
	}
	if err := json.NewEncoder(os.Stdout).Encode(line); err != nil {
		return err
	}

	select {
	case <-signals:
	case <-stdinEnd:
	}
	return nil
}
