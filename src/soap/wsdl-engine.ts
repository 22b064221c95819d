import type { IHttpClient, WSDL } from "soap";
import { InvalidArgumentError } from "../errors.ts";

/**
 * The WSDL as the `soap` package sees it: a parse of its own, with options that no other client shares.
 *
 * @throws InvalidArgumentError when the package cannot read it.
 */
export async function loadEngine(path: string): Promise<WSDL> {
  const { createClientAsync } = await import("soap");
  const asText = (text: string) => text;
  try {
    const client = await createClientAsync(path, {
      disableCache: true,
      preserveWhitespace: true,
      httpClient: OFFLINE,
      customDeserializer: Object.fromEntries(CONVERTED_TYPES.map((type) => [type, asText])),
    });
    return client.wsdl;
  } catch (error) {
    throw new InvalidArgumentError(`${path} cannot be bound`, {
      cause: asError(error),
      hint: "check that the WSDL and the schemas that it imports are complete",
    });
  }
}

/** In the place of the `soap` package's HTTP client, for imports that only it sees. */
const OFFLINE: IHttpClient = {
  request(_url, _data, callback) {
    // Not thrown: nobody would catch it.
    callback(new Error("the WSDL imports something from the network, and nothing is fetched from there"));
    return new Promise(() => undefined);
  },
};

/** XSD types that the `soap` package would convert, leniently. */
const CONVERTED_TYPES = [
  "int",
  "integer",
  "short",
  "long",
  "double",
  "float",
  "decimal",
  "bool",
  "boolean",
  "dateTime",
  "date",
];

/** @throws InvalidArgumentError when no port of a service binds the operation. */
export function methodOf(
  engine: WSDL,
  name: string,
): WSDL["definitions"]["bindings"][string]["methods"][string] {
  for (const binding of Object.values(engine.definitions.bindings)) {
    const method = Object.hasOwn(binding.methods, name) ? binding.methods[name] : undefined;
    if (method) return method;
  }
  throw new InvalidArgumentError(`the WSDL binds no operation ${name}`, {
    hint: "check that the WSDL has a service with a port for it",
  });
}

/** The first address of a service in the WSDL. */
export function addressIn(engine: WSDL): string | undefined {
  const ports = Object.values(engine.definitions.services).flatMap((service) => Object.values(service.ports));
  return ports.map((port) => port.location).find((location) => typeof location === "string");
}

/** The `soap` package also throws plain objects. */
export function asError(error: unknown): unknown {
  if (error instanceof Error) return error;
  const fault = (
    error as { readonly Fault?: { readonly faultstring?: unknown; readonly detail?: unknown } } | null
  )?.Fault;
  return new Error([fault?.faultstring, fault?.detail].filter(Boolean).join(": ") || String(error));
}
