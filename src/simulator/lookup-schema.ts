/** Requests of the Lookup Service as its WSDL declares them: order, cardinality, types. */

/** Interface version that a request asks for by its SOAPAction. */
export type LookupVersion = 2 | 3;

export interface FieldRule {
  readonly name: string;
  /** `string`, `boolean`, or the name of a complex type below. */
  readonly type: string;
  readonly optional?: boolean;
  readonly many?: boolean;
  /** First interface version that has the field. Default 2. */
  readonly since?: LookupVersion;
}

export interface OperationRule {
  /** Type of managed object that has the operation. */
  readonly receiver: string;
  /** What follows `_this`. */
  readonly parameters: readonly FieldRule[];
  /** The caller has to prove who it is in a security header. */
  readonly secured?: boolean;
  readonly since?: LookupVersion;
}

const REGISTRATION = "LookupServiceRegistration";

/** Managed objects of the service: value to type. */
export const OBJECTS: ReadonlyMap<string, string> = new Map([
  ["ServiceInstance", "LookupServiceInstance"],
  ["lookupService", "LookupLookupService"],
  ["ServiceRegistration", REGISTRATION],
  ["deploymentInformationService", "LookupDeploymentInformationService"],
  ["l10n", "LookupL10n"],
]);

const SERVICE_ID: FieldRule = { name: "serviceId", type: "string" };

export const OPERATIONS: ReadonlyMap<string, OperationRule> = new Map<string, OperationRule>([
  ["RetrieveServiceContent", { receiver: "LookupServiceInstance", parameters: [] }],
  [
    "List",
    {
      receiver: REGISTRATION,
      parameters: [{ name: "filterCriteria", type: "LookupServiceRegistrationFilter", optional: true }],
    },
  ],
  ["Get", { receiver: REGISTRATION, parameters: [SERVICE_ID] }],
  ["GetSiteId", { receiver: REGISTRATION, parameters: [] }],
  [
    "Create",
    {
      receiver: REGISTRATION,
      secured: true,
      parameters: [SERVICE_ID, { name: "createSpec", type: "LookupServiceRegistrationCreateSpec" }],
    },
  ],
  [
    "Set",
    {
      receiver: REGISTRATION,
      secured: true,
      parameters: [SERVICE_ID, { name: "serviceSpec", type: "LookupServiceRegistrationSetSpec" }],
    },
  ],
  ["Delete", { receiver: REGISTRATION, secured: true, parameters: [SERVICE_ID] }],
  [
    "SetTrustAnchor",
    {
      receiver: REGISTRATION,
      secured: true,
      since: 3,
      parameters: [
        { name: "filter", type: "LookupServiceRegistrationFilter" },
        { name: "trustAnchors", type: "string", optional: true, many: true },
      ],
    },
  ],
  ["RetrieveHaBackupConfiguration", { receiver: "LookupDeploymentInformationService", parameters: [] }],
  ["SetLocale", { receiver: "LookupL10n", parameters: [{ name: "locale", type: "string" }] }],
  ["GetLocale", { receiver: "LookupL10n", parameters: [] }],
]);

const MUTABLE_INFO: readonly FieldRule[] = [
  { name: "serviceVersion", type: "string" },
  { name: "vendorNameResourceKey", type: "string", optional: true },
  { name: "vendorNameDefault", type: "string", optional: true },
  { name: "vendorProductInfoResourceKey", type: "string", optional: true },
  { name: "vendorProductInfoDefault", type: "string", optional: true },
  { name: "serviceEndpoints", type: "LookupServiceRegistrationEndpoint", optional: true, many: true },
  { name: "serviceAttributes", type: "LookupServiceRegistrationAttribute", optional: true, many: true },
  { name: "serviceNameResourceKey", type: "string", optional: true },
  { name: "serviceNameDefault", type: "string", optional: true },
  { name: "serviceDescriptionResourceKey", type: "string", optional: true },
  { name: "serviceDescriptionDefault", type: "string", optional: true },
];

export const COMPLEX_TYPES: ReadonlyMap<string, readonly FieldRule[]> = new Map<string, readonly FieldRule[]>(
  [
    [
      "LookupServiceRegistrationFilter",
      [
        { name: "siteId", type: "string", optional: true },
        { name: "nodeId", type: "string", optional: true },
        { name: "serviceType", type: "LookupServiceRegistrationServiceType", optional: true },
        { name: "endpointType", type: "LookupServiceRegistrationEndpointType", optional: true },
        { name: "endpointTrustAnchor", type: "string", optional: true, since: 3 },
        { name: "searchAllSsoDomains", type: "boolean", optional: true, since: 3 },
      ],
    ],
    [
      "LookupServiceRegistrationServiceType",
      [
        { name: "product", type: "string" },
        { name: "type", type: "string" },
      ],
    ],
    [
      "LookupServiceRegistrationEndpointType",
      [
        { name: "protocol", type: "string", optional: true },
        { name: "type", type: "string", optional: true },
      ],
    ],
    [
      "LookupServiceRegistrationAttribute",
      [
        { name: "key", type: "string" },
        { name: "value", type: "string" },
      ],
    ],
    [
      "LookupServiceRegistrationEndpoint",
      [
        { name: "url", type: "string" },
        { name: "endpointType", type: "LookupServiceRegistrationEndpointType" },
        { name: "sslTrust", type: "string", optional: true, many: true },
        {
          name: "endpointAttributes",
          type: "LookupServiceRegistrationAttribute",
          optional: true,
          many: true,
        },
      ],
    ],
    ["LookupServiceRegistrationSetSpec", MUTABLE_INFO],
    [
      "LookupServiceRegistrationCreateSpec",
      [
        ...MUTABLE_INFO,
        { name: "ownerId", type: "string" },
        { name: "serviceType", type: "LookupServiceRegistrationServiceType" },
        { name: "nodeId", type: "string", optional: true },
      ],
    ],
  ],
);
