// Writes a List answer of N registrations as a vCenter sends one: about 1.25 KB each (the certificate is kept short, so that elements weigh more).

const CERTIFICATE = Buffer.alloc(150, "vsphere-sso bench certificate ").toString("base64");

function registration(index) {
  const node = index % 10;
  const host = `vc${String(node).padStart(2, "0")}.bench.example`;
  return (
    "<returnval><serviceVersion>8.0</serviceVersion>" +
    "<serviceEndpoints>" +
    `<url>https://${host}:443/service${index}/sdk</url>` +
    "<endpointType><protocol>vmomi</protocol><type>com.vmware.cis.bench.sdk</type></endpointType>" +
    `<sslTrust>${CERTIFICATE}</sslTrust>` +
    "<endpointAttributes><key>cis.common.ep.localurl</key>" +
    `<value>http://localhost:${8000 + node}/service${index}/sdk</value></endpointAttributes>` +
    "</serviceEndpoints>" +
    "<serviceAttributes><key>com.vmware.cis.cm.GroupInternalId</key><value>com.vmware.bench</value></serviceAttributes>" +
    "<serviceAttributes><key>com.vmware.cis.cm.HostId</key>" +
    `<value>0f1e2d3c-4b5a-6978-8796-a5b4c3d2${String(node).padStart(4, "0")}</value></serviceAttributes>` +
    "<serviceNameResourceKey>bench.service.name</serviceNameResourceKey>" +
    "<serviceDescriptionResourceKey>bench.service.description</serviceDescriptionResourceKey>" +
    `<ownerId>service-${index}@bench.example</ownerId>` +
    "<serviceType><product>com.vmware.cis</product><type>cs.bench</type></serviceType>" +
    `<nodeId>5c6d7e8f-0000-4000-8000-${String(node).padStart(12, "0")}</nodeId>` +
    `<serviceId>11112222-3333-4444-8555-${String(index).padStart(12, "0")}</serviceId>` +
    "<siteId>bench-site</siteId></returnval>"
  );
}

/** The SOAP envelope of a List answer, as text. */
export function listAnswer(registrations) {
  let content = "";
  for (let i = 0; i < registrations; i++) content += registration(i);
  return (
    '<?xml version="1.0" encoding="UTF-8"?>\n' +
    '<soapenv:Envelope xmlns:soapenc="http://schemas.xmlsoap.org/soap/encoding/" ' +
    'xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsd="http://www.w3.org/2001/XMLSchema" ' +
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">\n<soapenv:Body>\n' +
    `<ListResponse xmlns="urn:lookup">${content}</ListResponse>\n</soapenv:Body>\n</soapenv:Envelope>`
  );
}
