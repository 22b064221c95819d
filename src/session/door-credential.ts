import { InvalidArgumentError } from "../errors.ts";
import type { SamlToken } from "../saml/token.ts";
import type { DoorCredential } from "./door.ts";

/** A credential that was looked at. */
export type DoorIdentity =
  | { readonly kind: "password"; readonly username: string; readonly password: string }
  | { readonly kind: "bearer"; readonly token: SamlToken }
  | { readonly kind: "holder-of-key"; readonly token: SamlToken }
  | { readonly kind: "jwt"; readonly jwt: string };

/**
 * Finds out what a door is given for a login, without loading what reads tokens.
 *
 * @throws InvalidArgumentError for an empty name, password or JWT, and for what is no credential of a door.
 */
export function readDoorCredential(credential: DoorCredential): DoorIdentity {
  if (typeof credential !== "object" || credential === null) throw unknownCredential();
  if ("assertion" in credential) {
    return { kind: credential.kind === "holder-of-key" ? "holder-of-key" : "bearer", token: credential };
  }
  if ("jwt" in credential) {
    const { jwt } = credential;
    if (typeof jwt === "string" && /^[\x21-\x7e]+$/.test(jwt)) return { kind: "jwt", jwt };
    throw new InvalidArgumentError("The JWT is empty, or holds spaces or control characters", {
      hint: "Give the access token as the identity provider issued it.",
    });
  }
  if (!("username" in credential) || !("password" in credential)) throw unknownCredential();
  const { username, password } = credential;
  if (typeof username !== "string" || username.trim() === "") {
    throw new InvalidArgumentError("The user name is empty", { hint: "Give it as name@domain." });
  }
  if (typeof password !== "string" || password === "") {
    throw new InvalidArgumentError("The password is empty", {
      hint: "Some directories take an empty password for an anonymous login, so none is sent.",
    });
  }
  return { kind: "password", username, password };
}

function unknownCredential(): InvalidArgumentError {
  return new InvalidArgumentError("The credential is of no kind that a login takes", {
    hint: "Give { username, password }, a SamlToken or { jwt }; the Security Token Service trades others for a token.",
  });
}
