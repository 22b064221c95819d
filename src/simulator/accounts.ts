import { randomBytes, X509Certificate } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { InvalidArgumentError } from "../errors.ts";
import { type ClientCertificate, pem } from "./pki.ts";
import { Conversations } from "./sts/conversations.ts";
import {
  ACT_AS_USERS,
  ADMINISTRATORS,
  Directory,
  type Person,
  person,
  solutionUser,
} from "./sts/directory.ts";
import type { Limits } from "./sts/policy.ts";
import type { TokenSigning } from "./sts/signing.ts";
import type { Sso } from "./sts/sso.ts";

export interface SimulatorUser {
  readonly username: string;
  readonly password: string;
}

/** An account of a service, which logs in with a certificate. */
export interface SimulatorSolutionUser {
  /** Without the domain. */
  readonly name: string;
  /** Absolute path of its certificate (PEM). */
  readonly certFile: string;
  /** Absolute path of the private key (PKCS #8 PEM, mode 0600). */
  readonly keyFile: string;
}

/** A certificate (PEM) that stands for a user (`user@domain`). */
export interface SmartCard {
  readonly username: string;
  readonly certificate: string;
}

/** An administrator and an ordinary user, with new passwords. */
export function createPeople(ssoDomain: string): readonly Person[] {
  return [
    person("Administrator", ssoDomain, newPassword(), [ADMINISTRATORS]),
    person("operator", ssoDomain, newPassword(), []),
  ];
}

/** Meets the usual complexity rules of a vCenter. */
function newPassword(): string {
  return `Sim1!${randomBytes(12).toString("base64url")}`;
}

/** A solution user whose files are written. */
export interface SolutionUserFiles extends SimulatorSolutionUser {
  readonly certificate: X509Certificate;
}

/** Two services of the first node, their keys written for programs to log in with. */
export async function solutionUserFiles(
  issue: (names: readonly string[], machineId: string) => readonly ClientCertificate[],
  machineId: string,
  directory: string,
): Promise<SolutionUserFiles[]> {
  const names = [`vpxd-${machineId}`, `vpxd-extension-${machineId}`];
  return Promise.all(
    issue(names, machineId).map(async ({ key, certificate }, index) => {
      const name = names[index] ?? "";
      const [certFile, keyFile] = [join(directory, `${name}.crt`), join(directory, `${name}.key`)];
      await writeFile(certFile, pem(certificate.raw));
      await writeFile(keyFile, key, { mode: 0o600 });
      return { name, certFile, keyFile, certificate };
    }),
  );
}

export interface SsoFacts {
  readonly ssoDomain: string;
  readonly limits: Limits;
  readonly signing: TokenSigning;
  readonly people: readonly Person[];
  readonly solutionUsers: readonly SolutionUserFiles[];
  readonly passcodes?: Readonly<Record<string, readonly string[]>>;
  readonly smartCards?: readonly SmartCard[];
}

/** @throws InvalidArgumentError for passcodes or smart cards of nobody, and certificates that cannot be read. */
export function createSso(facts: SsoFacts): Sso {
  const { ssoDomain, limits, signing, people, passcodes = {}, smartCards = [] } = facts;
  const services = facts.solutionUsers.map(({ name, certificate }, index) =>
    solutionUser(name, ssoDomain, certificate, index === 0 ? [ACT_AS_USERS] : []),
  );
  const directory = new Directory(people, services, limits.lockAccountAfter);
  const upnOf = (login: string): string => {
    const found = directory.person(login);
    if (found) return found.upn.toLowerCase();
    throw new InvalidArgumentError(`the simulator has no user ${JSON.stringify(login)}`, {
      hint: `Use ${people.map(({ name, domain }) => `${name}@${domain}`).join(" or ")}.`,
    });
  };
  return {
    domain: ssoDomain,
    limits,
    directory,
    signing,
    conversations: new Conversations(),
    passcodes: new Map(Object.entries(passcodes).map(([login, codes]) => [upnOf(login), codes])),
    smartCards: new Map(
      smartCards.map(({ username, certificate }) => [certificateText(certificate), upnOf(username)]),
    ),
  };
}

function certificateText(certificate: string): string {
  try {
    return new X509Certificate(certificate).raw.toString("base64");
  } catch (error) {
    throw new InvalidArgumentError("the certificate of a smart card cannot be read", {
      cause: error,
      hint: "Give it as PEM.",
    });
  }
}
