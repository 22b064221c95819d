import { LOOKUP_NAMESPACE } from "../xml/names.ts";
import { child, type XmlElement } from "../xml/reader.ts";
import type { Attribute, Endpoint, Registration } from "./group.ts";
import { applyFilter, readFilter } from "./lookup-filter.ts";
import { checkCall, lookupVersion } from "./lookup-request.ts";
import { find, performWrite } from "./lookup-writes.ts";
import { type SoapRequest, writeResponse } from "./soap.ts";
import type { NodeView } from "./view.ts";
import { field, moRefField, VmomiFault } from "./vmomi.ts";

/**
 * Answers one call to `/lookupservice/sdk`.
 *
 * @throws VmomiFault
 */
export function answerLookup(request: SoapRequest, soapAction: string | undefined, view: NodeView): string {
  const { call, text } = request;
  const rule = checkCall(call, lookupVersion(soapAction));
  const content = rule.secured ? performWrite(call, text, view) : perform(call, view);
  return writeResponse(call.local, LOOKUP_NAMESPACE, content);
}

function perform(call: XmlElement, view: NodeView): string {
  switch (call.local) {
    case "RetrieveServiceContent":
      return SERVICE_CONTENT;
    case "List":
      return list(call, view);
    case "Get":
      return registrationXml(find(parameter(call, "serviceId"), view));
    case "GetSiteId":
      return field("returnval", view.node.siteId);
    case "SetLocale":
      return field("returnval", parameter(call, "locale"));
    case "GetLocale":
      // No session keeps what SetLocale chose.
      return field("returnval", "en_US");
    case "RetrieveHaBackupConfiguration":
      return HA_BACKUP;
    default:
      throw new VmomiFault("NotImplemented", `${call.local} is not implemented`);
  }
}

const SERVICE_CONTENT = `<returnval>${moRefField("lookupService", {
  type: "LookupLookupService",
  value: "lookupService",
})}${moRefField("serviceRegistration", {
  type: "LookupServiceRegistration",
  value: "ServiceRegistration",
})}${moRefField("deploymentInformationService", {
  type: "LookupDeploymentInformationService",
  value: "deploymentInformationService",
})}${moRefField("l10n", { type: "LookupL10n", value: "l10n" })}</returnval>`;

const HA_BACKUP = `<returnval>${field("dbType", "PostgreSQL")}${field(
  "dbJdbcUrl",
  "jdbc:postgresql://localhost:5432/VCDB",
)}${field("dbUser", "vc")}${field("dbPass", "not-a-real-password")}</returnval>`;

function parameter(call: XmlElement, name: string): string {
  return child(call, LOOKUP_NAMESPACE, name)?.text ?? "";
}

function list(call: XmlElement, view: NodeView): string {
  const criteria = child(call, LOOKUP_NAMESPACE, "filterCriteria");
  if (!criteria) {
    throw new VmomiFault("SystemError", "LookupFaultServiceFault", {
      fields: field("reason", "Invalid fault"),
    });
  }
  const rows = view.registrations.knownTo(view.node, view.faults);
  return applyFilter(rows, readFilter(criteria)).map(registrationXml).join("");
}

/** One `returnval` of type LookupServiceRegistrationInfo, base types first. */
function registrationXml(row: Registration): string {
  return `<returnval>${[
    field("serviceVersion", row.serviceVersion),
    field("vendorNameResourceKey", row.vendorNameResourceKey),
    field("vendorNameDefault", row.vendorName),
    field("vendorProductInfoResourceKey", row.productInfoResourceKey),
    field("vendorProductInfoDefault", row.productInfo),
    ...row.endpoints.map(endpointXml),
    ...row.attributes.map((a) => attributeXml("serviceAttributes", a)),
    field("serviceNameResourceKey", row.nameResourceKey),
    field("serviceNameDefault", row.name),
    field("serviceDescriptionResourceKey", row.descriptionResourceKey),
    field("serviceDescriptionDefault", row.description),
    field("ownerId", row.ownerId),
    `<serviceType>${field("product", row.product)}${field("type", row.type)}</serviceType>`,
    field("nodeId", row.nodeId),
    field("serviceId", row.serviceId),
    field("siteId", row.siteId),
  ].join("")}</returnval>`;
}

function endpointXml(endpoint: Endpoint): string {
  return `<serviceEndpoints>${[
    field("url", endpoint.url),
    `<endpointType>${field("protocol", endpoint.protocol)}${field("type", endpoint.type)}</endpointType>`,
    ...endpoint.sslTrust.map((trust) => field("sslTrust", trust)),
    ...endpoint.attributes.map((a) => attributeXml("endpointAttributes", a)),
  ].join("")}</serviceEndpoints>`;
}

function attributeXml(name: string, attribute: Attribute): string {
  return `<${name}>${field("key", attribute.key)}${field("value", attribute.value)}</${name}>`;
}
