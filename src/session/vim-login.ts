import { InvalidArgumentError } from "../errors.ts";
import type { MessageSecurity } from "../soap/security.ts";
import type { SamlSecurityOptions } from "../sts/saml-security.ts";
import type { DoorCredential } from "./door.ts";
import { readDoorCredential } from "./door-credential.ts";
import type { SoapFields } from "./soap-fields.ts";

/** How a session is asked for: an operation of the SessionManager and what goes along with it. */
export interface VimLogin {
  readonly operation: string;
  readonly parameters: SoapFields;
  readonly security?: MessageSecurity | undefined;
  readonly httpHeaders?: Readonly<Record<string, string>> | undefined;
  /** What only a vCenter takes, as the subject of a sentence; undefined for what an ESXi host takes as well. */
  readonly vCenterOnly?: string | undefined;
  /** Texts that must not be in an error. */
  readonly secrets: readonly string[];
  /** What to do when the server refuses it. */
  readonly hint: string;
}

/**
 * Looks at a credential and says how it is presented.
 *
 * @throws InvalidArgumentError for what no server would accept; TokenError for a holder-of-key token without its key.
 */
export async function vimLogin(
  credential: DoorCredential,
  locale: string | undefined,
  security: SamlSecurityOptions,
): Promise<VimLogin> {
  const identity = readDoorCredential(credential);
  switch (identity.kind) {
    case "password": {
      const { username, password } = identity;
      return {
        operation: "Login",
        parameters: { userName: username, password, locale },
        secrets: [password],
        hint: "check the user name (name@domain) and the password; wrong passwords count towards the lock-out of the account, so do not repeat this blindly",
      };
    }
    case "jwt":
      return {
        operation: "LoginByToken",
        parameters: { locale },
        httpHeaders: { authorization: `Bearer ${identity.jwt}` },
        vCenterOnly: "a login by JWT",
        secrets: [identity.jwt],
        hint: "not every vCenter takes a JWT at this door: exchange it for a SAML token first (exchangeToken)",
      };
    default: {
      // Signing takes more code than a caller with a password should have to load.
      const { samlSecurity } = await import("../sts/saml-security.ts");
      return {
        operation: "LoginByToken",
        parameters: { locale },
        security: samlSecurity(identity.token, security),
        vCenterOnly: "a login by token",
        secrets: [identity.token.assertion],
        hint: "the token must be of this vCenter's Security Token Service, in its time by both clocks, and a holder-of-key one must come with its key; its user needs a role at this vCenter",
      };
    }
  }
}

/** A login with the one-time ticket of another session. */
export function cloneLogin(cloneTicket: string): VimLogin {
  if (typeof cloneTicket !== "string" || cloneTicket.trim() === "") {
    throw new InvalidArgumentError("The clone ticket is empty");
  }
  return {
    operation: "CloneSession",
    parameters: { cloneTicket },
    secrets: [cloneTicket],
    hint: "a clone ticket is good for one login at the server that gave it, while the session that asked for it lives: get a new one",
  };
}

/** A login of an extension with the certificate that it is registered with. */
export function extensionLogin(extensionKey: string, locale: string | undefined): VimLogin {
  if (typeof extensionKey !== "string" || extensionKey.trim() === "") {
    throw new InvalidArgumentError("The key of the extension is empty", {
      hint: "give the key that it is registered by, as com.example.extension",
    });
  }
  return {
    operation: "LoginExtensionByCertificate",
    parameters: { extensionKey, locale },
    vCenterOnly: "the login of an extension",
    secrets: [],
    hint: "the extension must be registered at this vCenter with this very certificate (ExtensionManager.SetExtensionCertificate)",
  };
}
