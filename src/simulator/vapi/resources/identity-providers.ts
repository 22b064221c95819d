import { randomUUID } from "node:crypto";
import { invalidArgument, notFound } from "../fault.ts";
import { isList, isObject, type Json, type JsonObject } from "../json.ts";
import { type Input, type Operation, textField } from "../operation.ts";

interface Provider {
  readonly provider: string;
  readonly name: string;
  readonly config_tag: string;
  readonly is_default: boolean;
  readonly domain_names: readonly string[];
  readonly auth_query_params: object;
  readonly oidc?: object;
}

/** Field with the settings, by kind of provider. */
const SETTINGS: ReadonlyMap<string, string> = new Map([
  ["Oauth2", "oauth2"],
  ["Oidc", "oidc"],
]);

/** Identity providers from outside that a node was told of. */
export class IdentityProviders {
  readonly #providers = new Map<string, Provider>();

  list(): readonly Provider[] {
    return [...this.#providers.values()];
  }

  get(id: string): Provider {
    const found = this.#providers.get(id);
    if (!found) throw notFound("identity provider", id);
    return found;
  }

  /**
   * Secrets are taken and not kept.
   *
   * @throws VapiFault for a kind of provider that there is not, or one without its settings.
   */
  create(input: Input): string {
    const kind = textField(input, "config_tag");
    const settings = SETTINGS.get(kind);
    if (settings === undefined)
      throw invalidArgument(`config_tag is none of ${[...SETTINGS.keys()].join(", ")}.`);
    if (!isObject(input.get(settings))) throw invalidArgument(`A provider of ${kind} needs ${settings}.`);
    const provider = randomUUID();
    const oidc = input.get("oidc");
    this.#providers.set(provider, {
      provider,
      name: textField(input, "name"),
      config_tag: kind,
      is_default: input.get("is_default") === true,
      domain_names: textsOf(input.get("domain_names")),
      auth_query_params: {},
      ...(isObject(oidc) && { oidc: oidcOf(oidc) }),
    });
    return provider;
  }

  delete(id: string): void {
    if (!this.#providers.delete(id)) throw notFound("identity provider", id);
  }
}

function oidcOf(oidc: JsonObject): object {
  const text = (name: string): string => textField(oidc, name);
  const issuer = text("discovery_endpoint").replace(/\/\.well-known\/openid-configuration$/, "");
  return {
    discovery_endpoint: text("discovery_endpoint"),
    auth_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    client_id: text("client_id"),
    authentication_header: "client_secret_basic",
    auth_query_params: {},
  };
}

function textsOf(value: Json | undefined): readonly string[] {
  return isList(value) ? value.filter((item) => typeof item === "string") : [];
}

const service = "com.vmware.vcenter.identity.providers";

export const IDENTITY_PROVIDER_OPERATIONS: readonly Operation[] = [
  {
    service,
    operation: "list",
    rest: ["GET /api/vcenter/identity/providers", "GET /rest/vcenter/identity/providers"],
    run: ({ door }) => door.view.vapi.providers.list(),
  },
  {
    service,
    operation: "create",
    rest: ["POST /api/vcenter/identity/providers", "POST /rest/vcenter/identity/providers"],
    status: 201,
    fields: {
      config_tag: "string",
      "name?": "string",
      "oidc?": "structure",
      "oauth2?": "structure",
      "is_default?": "boolean",
      "domain_names?": "list of strings",
      "idm_protocol?": "string",
      "active_directory_over_ldap?": "structure",
      "upn_claim?": "string",
      "groups_claim?": "string",
      "org_ids?": "list of strings",
      "auth_query_params?": "structure",
    },
    run: ({ door, input }) => door.view.vapi.providers.create(input),
  },
  {
    service,
    operation: "get",
    rest: [
      "GET /api/vcenter/identity/providers/{provider}",
      "GET /rest/vcenter/identity/providers/{provider}",
    ],
    fields: { provider: "string" },
    run: ({ door, input }) => door.view.vapi.providers.get(textField(input, "provider")),
  },
  {
    service,
    operation: "delete",
    rest: [
      "DELETE /api/vcenter/identity/providers/{provider}",
      "DELETE /rest/vcenter/identity/providers/{provider}",
    ],
    fields: { provider: "string" },
    run: ({ door, input }) => door.view.vapi.providers.delete(textField(input, "provider")),
  },
];
