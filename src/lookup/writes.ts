import { InvalidArgumentError } from "../errors.ts";
import { encodeOperation } from "../soap/encode.ts";
import {
  LOOKUP_SCHEMA,
  type LookupServiceRegistrationCreateSpec,
  type LookupServiceRegistrationFilter,
  type LookupServiceRegistrationInfo,
  type LookupServiceRegistrationSetSpec,
} from "./wsdl-tables.ts";

/** Fields of a registration that `Set` leaves as they are. */
type FixedFields = Pick<
  LookupServiceRegistrationInfo,
  "serviceId" | "siteId" | "ownerId" | "serviceType" | "nodeId"
>;

const FIXED = ["serviceId", "siteId", "ownerId", "serviceType", "nodeId"] as const;
const THIS = { type: "LookupServiceRegistration", value: "ServiceRegistration" };

/**
 * Reads the specification of a new registration from JSON in the WSDL's field names, as `lookup get` prints a
 * registration: `serviceId` beside the fields of the specification. A `siteId` is passed over; the server decides it.
 *
 * @throws InvalidArgumentError naming the field that is missing, unknown or of another type.
 */
export function readCreateSpec(value: unknown): {
  readonly serviceId: string;
  readonly spec: LookupServiceRegistrationCreateSpec;
} {
  const { serviceId, siteId: _, ...fields } = objectOf(value);
  checkServiceId(serviceId);
  const spec = fields as unknown as LookupServiceRegistrationCreateSpec;
  encodeOperation(LOOKUP_SCHEMA, "Create", { _this: THIS, serviceId, createSpec: spec });
  return { serviceId, spec };
}

/**
 * Reads what a registration is to say from JSON in the WSDL's field names. Fields that `Set` cannot change may be
 * there too, as in a registration that was read and edited; they are in `fixed`, to be compared with what is there.
 *
 * @throws InvalidArgumentError naming the field that is missing, unknown or of another type.
 */
export function readSetSpec(value: unknown): {
  readonly fixed: Partial<FixedFields>;
  readonly spec: LookupServiceRegistrationSetSpec;
} {
  const fixed: Record<string, unknown> = {};
  const fields: Record<string, unknown> = { ...objectOf(value) };
  for (const name of FIXED) {
    if (fields[name] !== undefined) fixed[name] = fields[name];
    delete fields[name];
  }
  const spec = fields as unknown as LookupServiceRegistrationSetSpec;
  encodeOperation(LOOKUP_SCHEMA, "Set", { _this: THIS, serviceId: "-", serviceSpec: spec });
  return { fixed, spec };
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Readonly<Record<string, unknown>>;
  }
  throw new InvalidArgumentError("a registration is an object", {
    hint: "write it as vsso lookup get -o json prints one",
  });
}

/** @throws InvalidArgumentError */
export function checkServiceId(serviceId: unknown): asserts serviceId is string {
  if (typeof serviceId === "string" && serviceId.trim() !== "") return;
  throw new InvalidArgumentError("serviceId: a registration needs an ID that is not empty", {
    hint: "choose one that no other registration has, as a UUID",
  });
}

/** @throws InvalidArgumentError when no field narrows the filter. */
export function checkAnchorFilter(filter: LookupServiceRegistrationFilter): void {
  const { searchAllSsoDomains: _, ...fields } = filter;
  if (Object.values(fields).some((value) => value !== undefined)) return;
  throw new InvalidArgumentError(
    "the filter of setTrustAnchor is empty: it would mean every endpoint there is",
    {
      hint: "name the node, the site, the type, or the certificate that is to be replaced (endpointTrustAnchor)",
    },
  );
}
