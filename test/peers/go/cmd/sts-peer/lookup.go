package main

import (
	"bytes"
	"context"
	"reflect"

	"github.com/vmware/govmomi/lookup"
	"github.com/vmware/govmomi/lookup/methods"
	"github.com/vmware/govmomi/lookup/types"
	"github.com/vmware/govmomi/sts"
	"github.com/vmware/govmomi/vim25/soap"
	vim "github.com/vmware/govmomi/vim25/types"
	"github.com/vmware/govmomi/vim25/xml"
)

var registry = vim.ManagedObjectReference{Type: "LookupServiceRegistration", Value: "ServiceRegistration"}

// signedBody is what sts.Signer wants of a body that it signs with a key; those of the lookup package are none.
type signedBody struct {
	canonical string
	Fault_    *soap.Fault `xml:"http://schemas.xmlsoap.org/soap/envelope/ Fault,omitempty"`
}

func (b *signedBody) Fault() *soap.Fault { return b.Fault_ }

func (b *signedBody) C14N() string { return b.canonical }

// write changes a registration as the subject of a token: a bearer's is sent along, a holder's key signs too.
func write(ctx context.Context, client *soap.Client, o options, request sts.TokenRequest) error {
	client.Version = lookup.Version
	signer := &sts.Signer{Token: request.Token, Certificate: request.Certificate}
	ctx = client.WithHeader(ctx, soap.Header{Security: signer})
	ctx = context.WithValue(ctx, vim.ID{}, "")

	info := types.LookupServiceRegistrationMutableServiceInfo{
		ServiceVersion:     "1.0",
		ServiceNameDefault: o.operation,
		ServiceEndpoints: []types.LookupServiceRegistrationEndpoint{{
			Url:          "https://peer.example/sdk",
			EndpointType: types.LookupServiceRegistrationEndpointType{Protocol: "vmomi", Type: "com.example.peer"},
		}},
	}
	create := types.Create{This: registry, ServiceId: o.serviceID}
	create.CreateSpec.LookupServiceRegistrationMutableServiceInfo = info
	create.CreateSpec.OwnerId = "peer@vsphere.local"
	create.CreateSpec.ServiceType = types.LookupServiceRegistrationServiceType{Product: "com.example", Type: "peer"}
	set := types.Set{This: registry, ServiceId: o.serviceID}
	set.ServiceSpec.LookupServiceRegistrationMutableServiceInfo = info
	remove := types.Delete{This: registry, ServiceId: o.serviceID}

	switch o.operation {
	case "create":
		return send(ctx, client, signer, &create, func() error {
			_, err := methods.Create(ctx, client, &create)
			return err
		})
	case "set":
		return send(ctx, client, signer, &set, func() error {
			_, err := methods.Set(ctx, client, &set)
			return err
		})
	default:
		return send(ctx, client, signer, &remove, func() error {
			_, err := methods.Delete(ctx, client, &remove)
			return err
		})
	}
}

// send signs the request when there is a key; without one it leaves all to the method of the lookup package.
func send(ctx context.Context, client *soap.Client, signer *sts.Signer, request any, method func() error) error {
	if signer.Certificate == nil {
		return method()
	}
	// As the encoder writes it the request is canonical: no text of it is escaped, no element has two attributes.
	var canonical bytes.Buffer
	name := xml.Name{Space: "urn:lookup", Local: reflect.TypeOf(request).Elem().Name()}
	if err := xml.NewEncoder(&canonical).EncodeElement(request, xml.StartElement{Name: name}); err != nil {
		return err
	}
	body := &signedBody{canonical: canonical.String()}
	return client.RoundTrip(ctx, body, body)
}
