import type { ServiceRegistration } from "../lookup/registration.ts";
import { PREDEFINED_SERVICES, serviceOf } from "../lookup/services.ts";
import type { LookupServiceRegistrationFilter } from "../lookup/wsdl-tables.ts";

/**
 * Matches what a group needs: the vCenters, whatever their endpoints, and the endpoints of the Security Token Service,
 * under whichever service type. A group of 15 nodes has some 500 registrations, the reading of which takes longer than
 * to log in.
 */
export const GROUP_FILTERS: readonly LookupServiceRegistrationFilter[] = PREDEFINED_SERVICES.flatMap(
  ({ name, products, types, protocol, endpointType }): LookupServiceRegistrationFilter[] => {
    const [product, type] = [products[0] ?? "", types[0] ?? ""];
    if (name === "vcenter") return [{ serviceType: { product, type } }];
    return name === "sso" ? [{ endpointType: { protocol, type: endpointType } }] : [];
  },
);

/**
 * Registrations with what a group needs of them. A text that was cut out of an answer keeps the whole answer in memory,
 * so that what is kept is copied, each distinct text once.
 */
export function trimRegistrations(
  registrations: readonly ServiceRegistration[],
): readonly ServiceRegistration[] {
  const copies = new Map<string, string>();
  const own = (text: string): string => {
    let copy = copies.get(text);
    if (copy === undefined) {
      copy = Buffer.from(text).toString();
      copies.set(copy, copy);
    }
    return copy;
  };
  const optional = (text: string | undefined): string | undefined => text && own(text);
  return registrations.flatMap((registration): ServiceRegistration[] => {
    const { serviceType, serviceEndpoints, nodeId } = registration;
    const isVcenter = serviceType.type === "vcenterserver";
    const endpoints = serviceEndpoints.filter(
      (endpoint) => isVcenter || serviceOf(registration, endpoint) !== null,
    );
    if (!isVcenter && endpoints.length === 0) return [];
    return [
      {
        serviceId: own(registration.serviceId),
        siteId: own(registration.siteId),
        serviceVersion: own(registration.serviceVersion),
        ownerId: "",
        serviceType: { product: own(serviceType.product), type: own(serviceType.type) },
        ...(nodeId !== undefined && { nodeId: own(nodeId) }),
        serviceEndpoints: endpoints.map(({ url, endpointType, sslTrust }) => {
          const [protocol, type] = [optional(endpointType.protocol), optional(endpointType.type)];
          return {
            url: own(url),
            endpointType: {
              ...(protocol !== undefined && { protocol }),
              ...(type !== undefined && { type }),
            },
            sslTrust: sslTrust.map(own),
            endpointAttributes: [],
          };
        }),
        serviceAttributes: isVcenter
          ? registration.serviceAttributes.map(({ key, value }) => ({ key: own(key), value: own(value) }))
          : [],
        issues: registration.issues.map(own),
      },
    ];
  });
}
