package main

import (
	"net/url"
	"strings"

	"github.com/google/uuid"
	lookupsim "github.com/vmware/govmomi/lookup/simulator"
	"github.com/vmware/govmomi/lookup/types"
)

// complete makes one vCenter's list more like that of a real one: vCenter's URL has its path once and its version
// is the release, there is a vAPI registration, and in a linked group the identity rows name their node.
func complete(registry *lookupsim.ServiceRegistration, o options) {
	var vcenter *types.LookupServiceRegistrationInfo
	for i := range registry.Info {
		if registry.Info[i].ServiceType.Type == "vcenterserver" {
			vcenter = &registry.Info[i]
		}
	}
	sdk := &vcenter.ServiceEndpoints[0]
	base, _ := url.Parse(sdk.Url)
	registered := *base
	if o.unresolveURLs {
		registered.Host = "fake-name-will-not-dns-resolve:" + base.Port()
	}
	at := func(path string) string {
		u := registered
		u.Path = path
		if o.breakURLs {
			u.Path = "/enoent" + path
		}
		return u.String()
	}
	trust := sdk.SslTrust
	vcenter.ServiceVersion = o.version
	sdk.Url = at("/sdk")
	sdk.EndpointAttributes = []types.LookupServiceRegistrationAttribute{
		{Key: "cis.common.ep.localurl", Value: "http://localhost:8085/sdk"},
	}

	vapi := types.LookupServiceRegistrationInfo{ServiceId: uuid.NewString(), SiteId: vcenter.SiteId}
	vapi.ServiceVersion = "2.0"
	vapi.ServiceType = types.LookupServiceRegistrationServiceType{Product: "com.vmware.cis", Type: "cs.vapi"}
	vapi.OwnerId = strings.Replace(vcenter.OwnerId, "vpxd-", "vpxd-extension-", 1)
	vapi.NodeId = vcenter.NodeId
	vapi.ServiceNameResourceKey = "cs.vapi.ServiceNameResourceKey"
	vapi.ServiceDescriptionResourceKey = "cs.vapi.ServiceDescriptionResourceKey"
	vapi.ServiceAttributes = []types.LookupServiceRegistrationAttribute{
		{Key: "com.vmware.cis.cm.GroupInternalId", Value: "com.vmware.vapi"},
		{Key: "com.vmware.cis.cm.HostId", Value: attribute(vcenter.ServiceAttributes, "com.vmware.cis.cm.HostId")},
	}
	vapi.ServiceEndpoints = []types.LookupServiceRegistrationEndpoint{
		vapiEndpoint(at("/api"), "vapi.json.https.public", trust),
		vapiEndpoint("http://localhost:8093/api", "vapi.json.http", nil),
	}

	if o.linked > 1 {
		for i := range registry.Info {
			registry.Info[i].NodeId = vcenter.NodeId
		}
	}
	registry.Info = append(registry.Info, vapi)
}

func vapiEndpoint(address, protocol string, trust []string) types.LookupServiceRegistrationEndpoint {
	return types.LookupServiceRegistrationEndpoint{
		Url: address,
		EndpointType: types.LookupServiceRegistrationEndpointType{
			Protocol: protocol,
			Type:     "com.vmware.vapi.endpoint",
		},
		SslTrust: trust,
	}
}

// link gives every node the registrations of all, as replication does in a linked group.
func link(nodes []*node) {
	var all []types.LookupServiceRegistrationInfo
	for _, n := range nodes {
		all = append(all, n.registry.Info...)
	}
	for _, n := range nodes {
		n.registry.Info = all
	}
}

func attribute(attributes []types.LookupServiceRegistrationAttribute, key string) string {
	for _, a := range attributes {
		if a.Key == key {
			return a.Value
		}
	}
	return ""
}
