package main

import (
	"crypto/tls"
	"log"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/lookup"
	lookupsim "github.com/vmware/govmomi/lookup/simulator"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/types"

	// Services register themselves when imported.
	_ "github.com/vmware/govmomi/pbm/simulator"
	_ "github.com/vmware/govmomi/sts/simulator"
	_ "github.com/vmware/govmomi/vapi/simulator"
)

// node is one simulated vCenter.
type node struct {
	model    *simulator.Model
	server   *simulator.Server
	registry *lookupsim.ServiceRegistration
}

func startNode(o options, name string, ca *authority) (*node, error) {
	model := simulator.VPX()
	if o.esx {
		model = simulator.ESX()
	}
	about := &model.ServiceContent.About
	about.Version = o.version
	about.ApiVersion = o.version + ".0"
	about.Build = "24022515"
	about.FullName = about.Name + " " + o.version + " build-" + about.Build
	if !o.plain {
		// The simulator derives the ID from the machine: the same for all vCenters on it.
		about.InstanceUuid = uuid.NewString()
	}
	if err := model.Create(); err != nil {
		return nil, err
	}
	n := &node{model: model}
	service := model.Service
	service.Listen = &url.URL{User: url.UserPassword(o.username, o.password)}
	service.RegisterEndpoints = true
	if ca != nil {
		certificate, err := ca.issue(name)
		if err != nil {
			n.remove()
			return nil, err
		}
		service.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	}

	// The simulator's default options are one list of pointers shared by all services of the process.
	manager := model.Map().OptionManager()
	settings := make([]types.BaseOptionValue, len(manager.Setting))
	for i, s := range manager.Setting {
		option := *s.GetOptionValue()
		if !o.plain {
			switch option.Key {
			case "VirtualCenter.InstanceName":
				option.Value = name
			case "config.vpxd.sso.solutionUser.name":
				option.Value = "vpxd-" + uuid.NewString() + "@vsphere.local"
			}
		}
		settings[i] = &option
	}
	manager.Setting = settings

	n.server = service.NewServer()
	n.server.Config.Handler = wrap(n.server.Config.Handler, o)
	if o.breakURLs {
		lookupsim.BreakLookupServiceURLs(service.Context)
	}
	if o.unresolveURLs {
		lookupsim.UnresolveLookupServiceURLs(service.Context)
	}

	if o.tunnel {
		if err := n.server.StartTunnel(); err != nil {
			return nil, err
		}
	}
	if o.esx {
		return n, nil
	}

	// The list of registrations is made by the first RetrieveServiceContent.
	ctx := service.Context.For(lookup.Path)
	instance := ctx.Map.Get(lookup.ServiceInstance).(*lookupsim.ServiceInstance)
	instance.RetrieveServiceContent(ctx, nil)
	n.registry = ctx.Map.Get(*instance.Content.ServiceRegistration).(*lookupsim.ServiceRegistration)
	if !o.plain {
		complete(n.registry, o)
	}
	return n, nil
}

// wrap adds what the options ask for to every HTTP exchange.
func wrap(next http.Handler, o options) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if o.log {
			log.Print("request ", r.Method, " ", r.URL.Path, " ", r.Header.Get("SOAPAction"))
		}
		time.Sleep(o.delay)
		if o.noLookup && strings.HasPrefix(r.URL.Path, "/lookupservice/") {
			http.NotFound(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (n *node) info() serverInfo {
	u := n.server.URL
	port, _ := strconv.Atoi(u.Port())
	instance := n.model.Map().Get(vim25.ServiceInstance).(*simulator.ServiceInstance)
	info := serverInfo{
		URL:          u.Scheme + "://" + u.Host,
		Host:         u.Hostname(),
		Port:         port,
		InstanceUUID: instance.Content.About.InstanceUuid,
		TunnelPort:   n.server.Tunnel,
	}
	if n.registry == nil {
		return info
	}
	for _, r := range n.registry.Info {
		if r.ServiceId == info.InstanceUUID {
			info.NodeID = r.NodeId
			info.InstanceName = attribute(r.ServiceAttributes, "com.vmware.vim.vcenter.instanceName")
		}
	}
	return info
}

// remove deletes the simulator's files. Connections end with the process.
func (n *node) remove() {
	n.model.Remove()
}
