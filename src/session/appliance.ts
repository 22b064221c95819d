import { isIPv6 } from "node:net";
import { formatAuthority, parseServer } from "../net/authority.ts";
import type { PasswordCredential } from "../sts/credential.ts";
import { VapiRest, type VapiRestOptions } from "./vapi-rest.ts";

export interface ApplianceOptions extends Omit<VapiRestOptions, "baseUrl" | "basic"> {
  /**
   * User of the appliance that goes along with each request while there is no session: while a vCenter is deployed or
   * restored nothing else works. Its name is `root` unless given.
   */
  readonly credential?: { readonly username?: string | undefined; readonly password: string } | undefined;
}

const PORT = 5480;
const DEFAULT_USER = "root";

/**
 * The management interface of a vCenter appliance, on port 5480: vAPI's REST with local users, with a certificate and
 * sessions of its own. Sessions of port 443 do not count there, nor its there.
 *
 * @example
 * const appliance = new Appliance("vc01.corp.example", { credential: { password }, trust: { pins } });
 * try {
 *   console.log(await appliance.get("/rest/vcenter/deployment"));
 * } finally {
 *   await appliance.close();
 * }
 */
export class Appliance extends VapiRest {
  /**
   * @param server as everywhere, its port 5480 unless one is written.
   * @throws InvalidArgumentError for a server or an option that cannot be used.
   */
  constructor(server: string, options: ApplianceOptions = {}) {
    const { credential, ...rest } = options;
    super(withPort(server), { ...rest, basic: credential && userOf(credential) });
  }
}

function userOf({
  username = DEFAULT_USER,
  password,
}: NonNullable<ApplianceOptions["credential"]>): PasswordCredential {
  return { username, password };
}

function withPort(server: string): string {
  const authority = parseServer(server);
  const text = server.trim();
  const written = authority.port !== 443 || (!isIPv6(text) && /:443(?:[/?#]|$)/.test(text));
  return formatAuthority(written ? authority : { ...authority, port: PORT });
}
