// Generated from wsdl/lookup.wsdl by scripts/generate-lookup-tables.mjs (npm run generate). Do not edit.

import type { SoapSchema } from "../soap/schema.ts";
import type { XmlElement } from "../xml/reader.ts";

/** SOAPAction of every operation. */
export const LOOKUP_SOAP_ACTION = "urn:lookup/2.0";

/** A managed object: its ID and the name of its type. */
export interface ManagedObjectReference {
  readonly type: string;
  readonly value: string;
}

export interface LookupServiceRegistrationAttribute {
  readonly key: string;
  readonly value: string;
}

export interface LookupServiceRegistrationServiceType {
  readonly product: string;
  readonly type: string;
}

export interface LookupServiceRegistrationEndpointType {
  readonly protocol?: string;
  readonly type?: string;
}

export interface LookupServiceRegistrationEndpoint {
  readonly url: string;
  readonly endpointType: LookupServiceRegistrationEndpointType;
  readonly sslTrust: readonly string[];
  readonly endpointAttributes: readonly LookupServiceRegistrationAttribute[];
}

export interface LookupServiceRegistrationMutableServiceInfo {
  readonly serviceVersion: string;
  readonly vendorNameResourceKey?: string;
  readonly vendorNameDefault?: string;
  readonly vendorProductInfoResourceKey?: string;
  readonly vendorProductInfoDefault?: string;
  readonly serviceEndpoints: readonly LookupServiceRegistrationEndpoint[];
  readonly serviceAttributes: readonly LookupServiceRegistrationAttribute[];
  readonly serviceNameResourceKey?: string;
  readonly serviceNameDefault?: string;
  readonly serviceDescriptionResourceKey?: string;
  readonly serviceDescriptionDefault?: string;
}

export interface LookupServiceRegistrationCommonServiceInfo extends LookupServiceRegistrationMutableServiceInfo {
  readonly ownerId: string;
  readonly serviceType: LookupServiceRegistrationServiceType;
  readonly nodeId?: string;
}

export interface LookupServiceRegistrationInfo extends LookupServiceRegistrationCommonServiceInfo {
  readonly serviceId: string;
  readonly siteId: string;
}

export type LookupServiceRegistrationCreateSpec = LookupServiceRegistrationCommonServiceInfo;

export type LookupServiceRegistrationSetSpec = LookupServiceRegistrationMutableServiceInfo;

export interface LookupServiceRegistrationFilter {
  readonly siteId?: string;
  readonly nodeId?: string;
  readonly serviceType?: LookupServiceRegistrationServiceType;
  readonly endpointType?: LookupServiceRegistrationEndpointType;
  readonly endpointTrustAnchor?: string;
  readonly searchAllSsoDomains?: boolean;
}

export interface LookupServiceContent {
  readonly lookupService: ManagedObjectReference;
  readonly serviceRegistration?: ManagedObjectReference;
  readonly deploymentInformationService: ManagedObjectReference;
  readonly l10n: ManagedObjectReference;
}

export interface LookupHaBackupNodeConfiguration {
  readonly dbType: string;
  readonly dbJdbcUrl: string;
  readonly dbUser: string;
  readonly dbPass: string;
}

export interface MethodFault {
  readonly faultCause?: LocalizedMethodFault;
  readonly faultMessage: readonly LocalizableMessage[];
}

export type RuntimeFault = MethodFault;

export interface InvalidArgument extends RuntimeFault {
  readonly invalidProperty?: string;
}

export type InvalidRequest = RuntimeFault;

export interface InvalidType extends InvalidRequest {
  readonly argument?: string;
}

export interface MethodNotFound extends InvalidRequest {
  readonly receiver: ManagedObjectReference;
  readonly method: string;
}

export interface ManagedObjectNotFound extends RuntimeFault {
  readonly obj: ManagedObjectReference;
}

export type SecurityError = RuntimeFault;

export interface SystemError extends RuntimeFault {
  readonly reason: string;
}

export interface UnexpectedFault extends RuntimeFault {
  readonly faultName: string;
  readonly fault?: LocalizedMethodFault;
}

export type NotImplemented = RuntimeFault;

export type NotSupported = RuntimeFault;

export type NotEnoughLicenses = RuntimeFault;

export type RequestCanceled = RuntimeFault;

export type HostCommunication = RuntimeFault;

export type HostNotConnected = HostCommunication;

export type HostNotReachable = HostCommunication;

export interface LookupFaultServiceFault extends MethodFault {
  readonly errorMessage?: string;
}

export interface LookupFaultEntryExistsFault extends LookupFaultServiceFault {
  readonly name: string;
}

export interface LookupFaultEntryNotFoundFault extends LookupFaultServiceFault {
  readonly name: string;
}

export interface LookupFaultUnsupportedSiteFault extends LookupFaultServiceFault {
  readonly operatingSite: string;
  readonly requestedSite: string;
}

export interface KeyAnyValue {
  readonly key: string;
  readonly value: XmlElement;
}

export interface LocalizableMessage {
  readonly key: string;
  readonly arg: readonly KeyAnyValue[];
  readonly message?: string;
}

export interface LocalizedMethodFault {
  readonly fault: MethodFault;
  readonly localizedMessage?: string;
}

export interface RetrieveServiceContentRequest {
  readonly _this: ManagedObjectReference;
}

export interface ListRequest {
  readonly _this: ManagedObjectReference;
  readonly filterCriteria?: LookupServiceRegistrationFilter;
}

export interface GetRequest {
  readonly _this: ManagedObjectReference;
  readonly serviceId: string;
}

export interface GetSiteIdRequest {
  readonly _this: ManagedObjectReference;
}

export interface CreateRequest {
  readonly _this: ManagedObjectReference;
  readonly serviceId: string;
  readonly createSpec: LookupServiceRegistrationCreateSpec;
}

export interface SetRequest {
  readonly _this: ManagedObjectReference;
  readonly serviceId: string;
  readonly serviceSpec: LookupServiceRegistrationSetSpec;
}

export interface DeleteRequest {
  readonly _this: ManagedObjectReference;
  readonly serviceId: string;
}

export interface SetTrustAnchorRequest {
  readonly _this: ManagedObjectReference;
  readonly filter: LookupServiceRegistrationFilter;
  readonly trustAnchors: readonly string[];
}

export interface GetLocaleRequest {
  readonly _this: ManagedObjectReference;
}

export interface SetLocaleRequest {
  readonly _this: ManagedObjectReference;
  readonly locale: string;
}

export interface RetrieveHaBackupConfigurationRequest {
  readonly _this: ManagedObjectReference;
}

/** Request and result of each operation. */
export interface LookupOperations {
  readonly RetrieveServiceContent: {
    readonly request: RetrieveServiceContentRequest;
    readonly result: LookupServiceContent;
  };
  readonly List: {
    readonly request: ListRequest;
    readonly result: readonly LookupServiceRegistrationInfo[];
  };
  readonly Get: {
    readonly request: GetRequest;
    readonly result: LookupServiceRegistrationInfo;
  };
  readonly GetSiteId: {
    readonly request: GetSiteIdRequest;
    readonly result: string;
  };
  readonly Create: {
    readonly request: CreateRequest;
    readonly result: undefined;
  };
  readonly Set: {
    readonly request: SetRequest;
    readonly result: undefined;
  };
  readonly Delete: {
    readonly request: DeleteRequest;
    readonly result: undefined;
  };
  readonly SetTrustAnchor: {
    readonly request: SetTrustAnchorRequest;
    readonly result: number;
  };
  readonly GetLocale: {
    readonly request: GetLocaleRequest;
    readonly result: string;
  };
  readonly SetLocale: {
    readonly request: SetLocaleRequest;
    readonly result: string;
  };
  readonly RetrieveHaBackupConfiguration: {
    readonly request: RetrieveHaBackupConfigurationRequest;
    readonly result: LookupHaBackupNodeConfiguration;
  };
}

export const LOOKUP_SCHEMA: SoapSchema<LookupOperations> = {
  namespace: "urn:lookup",
  types: {
    LookupServiceRegistrationAttribute: {
      fields: [
        ["key", "xsd:string", "1"],
        ["value", "xsd:string", "1"],
      ],
    },
    LookupServiceRegistrationServiceType: {
      fields: [
        ["product", "xsd:string", "1"],
        ["type", "xsd:string", "1"],
      ],
    },
    LookupServiceRegistrationEndpointType: {
      fields: [
        ["protocol", "xsd:string", "?"],
        ["type", "xsd:string", "?"],
      ],
    },
    LookupServiceRegistrationEndpoint: {
      fields: [
        ["url", "xsd:string", "1"],
        ["endpointType", "LookupServiceRegistrationEndpointType", "1"],
        ["sslTrust", "xsd:string", "*"],
        ["endpointAttributes", "LookupServiceRegistrationAttribute", "*"],
      ],
    },
    LookupServiceRegistrationMutableServiceInfo: {
      fields: [
        ["serviceVersion", "xsd:string", "1"],
        ["vendorNameResourceKey", "xsd:string", "?"],
        ["vendorNameDefault", "xsd:string", "?"],
        ["vendorProductInfoResourceKey", "xsd:string", "?"],
        ["vendorProductInfoDefault", "xsd:string", "?"],
        ["serviceEndpoints", "LookupServiceRegistrationEndpoint", "*"],
        ["serviceAttributes", "LookupServiceRegistrationAttribute", "*"],
        ["serviceNameResourceKey", "xsd:string", "?"],
        ["serviceNameDefault", "xsd:string", "?"],
        ["serviceDescriptionResourceKey", "xsd:string", "?"],
        ["serviceDescriptionDefault", "xsd:string", "?"],
      ],
    },
    LookupServiceRegistrationCommonServiceInfo: {
      base: "LookupServiceRegistrationMutableServiceInfo",
      fields: [
        ["ownerId", "xsd:string", "1"],
        ["serviceType", "LookupServiceRegistrationServiceType", "1"],
        ["nodeId", "xsd:string", "?"],
      ],
    },
    LookupServiceRegistrationInfo: {
      base: "LookupServiceRegistrationCommonServiceInfo",
      fields: [
        ["serviceId", "xsd:string", "1"],
        ["siteId", "xsd:string", "1"],
      ],
    },
    LookupServiceRegistrationCreateSpec: {
      base: "LookupServiceRegistrationCommonServiceInfo",
      fields: [],
    },
    LookupServiceRegistrationSetSpec: {
      base: "LookupServiceRegistrationMutableServiceInfo",
      fields: [],
    },
    LookupServiceRegistrationFilter: {
      fields: [
        ["siteId", "xsd:string", "?"],
        ["nodeId", "xsd:string", "?"],
        ["serviceType", "LookupServiceRegistrationServiceType", "?"],
        ["endpointType", "LookupServiceRegistrationEndpointType", "?"],
        ["endpointTrustAnchor", "xsd:string", "?"],
        ["searchAllSsoDomains", "xsd:boolean", "?"],
      ],
    },
    LookupServiceContent: {
      fields: [
        ["lookupService", "moref", "1"],
        ["serviceRegistration", "moref", "?"],
        ["deploymentInformationService", "moref", "1"],
        ["l10n", "moref", "1"],
      ],
    },
    LookupHaBackupNodeConfiguration: {
      fields: [
        ["dbType", "xsd:string", "1"],
        ["dbJdbcUrl", "xsd:string", "1"],
        ["dbUser", "xsd:string", "1"],
        ["dbPass", "xsd:string", "1"],
      ],
    },
    MethodFault: {
      fields: [
        ["faultCause", "LocalizedMethodFault", "?"],
        ["faultMessage", "LocalizableMessage", "*"],
      ],
    },
    RuntimeFault: {
      base: "MethodFault",
      fields: [],
    },
    InvalidArgument: {
      base: "RuntimeFault",
      fields: [
        ["invalidProperty", "xsd:string", "?"],
      ],
    },
    InvalidRequest: {
      base: "RuntimeFault",
      fields: [],
    },
    InvalidType: {
      base: "InvalidRequest",
      fields: [
        ["argument", "xsd:string", "?"],
      ],
    },
    MethodNotFound: {
      base: "InvalidRequest",
      fields: [
        ["receiver", "moref", "1"],
        ["method", "xsd:string", "1"],
      ],
    },
    ManagedObjectNotFound: {
      base: "RuntimeFault",
      fields: [
        ["obj", "moref", "1"],
      ],
    },
    SecurityError: {
      base: "RuntimeFault",
      fields: [],
    },
    SystemError: {
      base: "RuntimeFault",
      fields: [
        ["reason", "xsd:string", "1"],
      ],
    },
    UnexpectedFault: {
      base: "RuntimeFault",
      fields: [
        ["faultName", "xsd:string", "1"],
        ["fault", "LocalizedMethodFault", "?"],
      ],
    },
    NotImplemented: {
      base: "RuntimeFault",
      fields: [],
    },
    NotSupported: {
      base: "RuntimeFault",
      fields: [],
    },
    NotEnoughLicenses: {
      base: "RuntimeFault",
      fields: [],
    },
    RequestCanceled: {
      base: "RuntimeFault",
      fields: [],
    },
    HostCommunication: {
      base: "RuntimeFault",
      fields: [],
    },
    HostNotConnected: {
      base: "HostCommunication",
      fields: [],
    },
    HostNotReachable: {
      base: "HostCommunication",
      fields: [],
    },
    LookupFaultServiceFault: {
      base: "MethodFault",
      fields: [
        ["errorMessage", "xsd:string", "?"],
      ],
    },
    LookupFaultEntryExistsFault: {
      base: "LookupFaultServiceFault",
      fields: [
        ["name", "xsd:string", "1"],
      ],
    },
    LookupFaultEntryNotFoundFault: {
      base: "LookupFaultServiceFault",
      fields: [
        ["name", "xsd:string", "1"],
      ],
    },
    LookupFaultUnsupportedSiteFault: {
      base: "LookupFaultServiceFault",
      fields: [
        ["operatingSite", "xsd:string", "1"],
        ["requestedSite", "xsd:string", "1"],
      ],
    },
    KeyAnyValue: {
      fields: [
        ["key", "xsd:string", "1"],
        ["value", "xsd:anyType", "1"],
      ],
    },
    LocalizableMessage: {
      fields: [
        ["key", "xsd:string", "1"],
        ["arg", "KeyAnyValue", "*"],
        ["message", "xsd:string", "?"],
      ],
    },
    LocalizedMethodFault: {
      fields: [
        ["fault", "MethodFault", "1"],
        ["localizedMessage", "xsd:string", "?"],
      ],
    },
  },
  operations: {
    RetrieveServiceContent: {
      request: [["_this", "moref", "1"]],
      response: ["returnval", "LookupServiceContent", "1"],
    },
    List: {
      request: [["_this", "moref", "1"], ["filterCriteria", "LookupServiceRegistrationFilter", "?"]],
      response: ["returnval", "LookupServiceRegistrationInfo", "*"],
    },
    Get: {
      request: [["_this", "moref", "1"], ["serviceId", "xsd:string", "1"]],
      response: ["returnval", "LookupServiceRegistrationInfo", "1"],
    },
    GetSiteId: {
      request: [["_this", "moref", "1"]],
      response: ["returnval", "xsd:string", "1"],
    },
    Create: {
      request: [["_this", "moref", "1"], ["serviceId", "xsd:string", "1"], ["createSpec", "LookupServiceRegistrationCreateSpec", "1"]],
    },
    Set: {
      request: [["_this", "moref", "1"], ["serviceId", "xsd:string", "1"], ["serviceSpec", "LookupServiceRegistrationSetSpec", "1"]],
    },
    Delete: {
      request: [["_this", "moref", "1"], ["serviceId", "xsd:string", "1"]],
    },
    SetTrustAnchor: {
      request: [["_this", "moref", "1"], ["filter", "LookupServiceRegistrationFilter", "1"], ["trustAnchors", "xsd:string", "*"]],
      response: ["returnval", "xsd:int", "1"],
    },
    GetLocale: {
      request: [["_this", "moref", "1"]],
      response: ["returnval", "xsd:string", "1"],
    },
    SetLocale: {
      request: [["_this", "moref", "1"], ["locale", "xsd:string", "1"]],
      response: ["returnval", "xsd:string", "1"],
    },
    RetrieveHaBackupConfiguration: {
      request: [["_this", "moref", "1"]],
      response: ["returnval", "LookupHaBackupNodeConfiguration", "1"],
    },
  },
};
