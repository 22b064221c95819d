import { timingSafeEqual, type X509Certificate } from "node:crypto";
import { InvalidArgumentError } from "../../errors.ts";
import type { SimulatorFaults } from "../faults.ts";
import { invalidCredentials, wst } from "./fault.ts";

/** Anyone a token can be about. */
export interface Principal {
  readonly kind: "person" | "solution";
  readonly name: string;
  readonly domain: string;
  /** As tokens name it: `Administrator@VSPHERE.LOCAL`. */
  readonly upn: string;
  readonly givenName: string;
  readonly surname: string;
  readonly email: string;
  /** `domain\Group` */
  readonly groups: readonly string[];
}

export interface Person extends Principal {
  readonly kind: "person";
  readonly password: string;
}

export interface SolutionUser extends Principal {
  readonly kind: "solution";
  readonly certificate: X509Certificate;
}

export const ADMINISTRATORS = "Administrators";
export const ACT_AS_USERS = "ActAsUsers";
export const SOLUTION_USERS = "SolutionUsers";

/** A person of the SSO domain, a member of these groups and of those of everyone. */
export function person(name: string, domain: string, password: string, groups: readonly string[]): Person {
  return {
    kind: "person",
    name,
    domain,
    upn: `${name}@${domain.toUpperCase()}`,
    givenName: name,
    surname: domain,
    email: `${name}@${domain}`,
    groups: [...groups, "Users", "Everyone"].map((group) => `${domain}\\${group}`),
    password,
  };
}

export function solutionUser(
  name: string,
  domain: string,
  certificate: X509Certificate,
  groups: readonly string[],
): SolutionUser {
  return {
    kind: "solution",
    name,
    domain,
    upn: `${name}@${domain}`,
    givenName: name,
    surname: domain,
    email: `${name}@${domain}`,
    groups: [...groups, SOLUTION_USERS, "Everyone"].map((group) => `${domain}\\${group}`),
    certificate,
  };
}

/** The SSO domain's accounts, and how often each was tried in vain. */
export class Directory {
  readonly #people: readonly Person[];
  readonly #solutionUsers: readonly SolutionUser[];
  readonly #lockAfter: number;
  readonly #failures = new Map<string, number>();
  /** Users of an identity provider who have been here, by name in lower case. */
  readonly #federated = new Map<string, Principal>();

  constructor(people: readonly Person[], solutionUsers: readonly SolutionUser[], lockAfter: number) {
    this.#people = people;
    this.#solutionUsers = solutionUsers;
    this.#lockAfter = lockAfter;
  }

  /** The person of a login name: `user@domain` or `DOMAIN\user`, whatever the case. */
  person(login: string): Person | undefined {
    return this.#people.find((candidate) => sameAccount(candidate, login));
  }

  /** By name, or by `name@domain`. */
  solutionUser(name: string): SolutionUser | undefined {
    const wanted = name.toLowerCase();
    return this.#solutionUsers.find(
      (candidate) => candidate.name.toLowerCase() === wanted || sameAccount(candidate, name),
    );
  }

  solutionUserOf(certificate: X509Certificate): SolutionUser | undefined {
    return this.#solutionUsers.find((candidate) => candidate.certificate.subject === certificate.subject);
  }

  /** Person or solution user of the name in a token. */
  principal(upn: string): Principal | undefined {
    const own = [...this.#people, ...this.#solutionUsers].find((candidate) => sameAccount(candidate, upn));
    return own ?? this.#federated.get(upn.toLowerCase());
  }

  /**
   * Checks the accounts that faults are about. Those of other domains may come to be known later.
   *
   * @throws InvalidArgumentError for one that this domain does not have.
   */
  checkAccounts(faults: SimulatorFaults): void {
    const {
      lockedAccounts = [],
      expiredPasswords = [],
      disabledAccounts = [],
      addedMemberships = [],
    } = faults;
    const names = [...lockedAccounts, ...expiredPasswords, ...disabledAccounts];
    const own = [...this.#people, ...this.#solutionUsers];
    const domain = own[0]?.domain.toLowerCase();
    for (const name of [...names, ...addedMemberships.map(({ account }) => account)]) {
      const foreign = name.includes("@") && name.toLowerCase().split("@")[1] !== domain;
      if (foreign || this.principal(name)) continue;
      throw new InvalidArgumentError(`the simulator has no account ${JSON.stringify(name)}`, {
        hint: `Use ${own.map((each) => `${each.name}@${each.domain}`).join(", ")}.`,
      });
    }
  }

  /** Keeps what an identity provider says of a user, for as long as it says nothing else. */
  remember(user: Principal): void {
    this.#federated.set(user.upn.toLowerCase(), user);
  }

  /**
   * The person who has this password. Wrong ones are counted.
   *
   * @throws StsFault FailedAuthentication; only an account that is locked and a password that has expired show.
   */
  authenticate(login: string, password: string, faults: SimulatorFaults): Person {
    const found = this.person(login);
    if (!found || isDisabled(found, faults)) throw invalidCredentials();
    const failures = this.#failures.get(found.upn) ?? 0;
    if (named(faults.lockedAccounts, found) || (this.#lockAfter > 0 && failures >= this.#lockAfter)) {
      throw wst("FailedAuthentication", "The account of the user trying to authenticate is locked.");
    }
    if (!sameText(password, found.password)) {
      this.#failures.set(found.upn, failures + 1);
      throw invalidCredentials();
    }
    this.#failures.delete(found.upn);
    if (named(faults.expiredPasswords, found)) {
      throw wst("FailedAuthentication", "Password of the user logging on is expired.");
    }
    return found;
  }
}

/** Groups of an account as of now, which may have more of them than its tokens say. */
export function currentGroups(principal: Principal, faults: SimulatorFaults): readonly string[] {
  const added = faults.addedMemberships?.filter(({ account }) => sameAccount(principal, account)) ?? [];
  return [...principal.groups, ...added.map(({ group }) => `${principal.domain}\\${group}`)];
}

export function isDisabled(principal: Principal, faults: SimulatorFaults): boolean {
  return named(faults.disabledAccounts, principal);
}

export function isMember(groups: readonly string[], domain: string, group: string): boolean {
  return groups.some((name) => name.toLowerCase() === `${domain}\\${group}`.toLowerCase());
}

function named(names: readonly string[] | undefined, principal: Principal): boolean {
  return names?.some((name) => sameAccount(principal, name)) ?? false;
}

function sameAccount({ name, domain }: Principal, login: string): boolean {
  const wanted = login.toLowerCase();
  return wanted === `${name}@${domain}`.toLowerCase() || wanted === `${domain}\\${name}`.toLowerCase();
}

function sameText(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}
