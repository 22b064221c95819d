import { InvalidArgumentError, type ServedCertificate } from "../errors.ts";
import type { RewritePolicy } from "../lookup/rewrite.ts";
import type { Authority } from "../net/authority.ts";
import { checkDelay } from "../net/deadline.ts";
import type { TransportOptions } from "../net/transport.ts";
import type { SessionBroker } from "../session/broker/session-broker.ts";
import type { BridgeConnectOptions } from "../session/connect-options.ts";
import type { SessionCredential, TokenRequest } from "../session/principal.ts";
import type { DoorTransport } from "../session/transport.ts";
import type { HolderKey } from "../xml/signer.ts";

/** Nodes that are worked on at a time; the product allows 15 in a linked group. */
const GROUP_CONCURRENCY = 16;
/** As many for a fleet, of which more nodes may be dead at a time. */
const FLEET_CONCURRENCY = 64;

/** What a group needs of a transport; `Transport` is one. */
export interface GroupTransport extends DoorTransport, AsyncDisposable {
  servedCertificate?(authority: Authority): ServedCertificate | undefined;
}

/** Who logs in at the nodes of one linked group, and how. */
export interface GroupLogin {
  /**
   * Who logs in. SAML tokens, JWTs and a `TokenSource` are given to the nodes as they are. What the Security Token
   * Service takes, a password too, is traded for one token of the SSO domain, when the first session is needed: so it
   * is presented once, and a wrong password counts once towards the lock-out of the account, not once for each node.
   */
  readonly credential: SessionCredential;
  /** Key that the token is bound to (holder-of-key), for credentials without one. */
  readonly holderOfKey?: HolderKey | undefined;
  /**
   * What is asked of the Security Token Service. Default a delegatable token of 600 seconds. `false` asks it nothing,
   * and gives name and password to every node, for groups whose Security Token Service cannot be reached: first to one
   * that answers, and when that has taken it, to all others. What that one refuses, none is shown;
   * a later refusal is its node's own.
   */
  readonly tokenRequest?: TokenRequest | false | undefined;
  /**
   * With a broker: whose sessions these are. Default the user name, the subject of the token or the SHA-256 fingerprint
   * of the certificate; has to be given for credentials that tell none of these.
   */
  readonly principal?: string | undefined;
}

/** How the nodes are worked on. */
export interface NodeLimits {
  /**
   * Nodes that are worked on at a time. Default 16 in a group, more than the product allows in one, so that nodes that
   * do not answer keep no other waiting; 64 in a fleet.
   */
  readonly concurrency?: number | undefined;
  /**
   * Milliseconds for one node, its login included. Default: no other limit than those of the transport. In a fleet also
   * the time to ask one server for its group, 30 seconds by default.
   */
  readonly nodeTimeoutMs?: number | undefined;
}

/** What a group and a fleet are given alike. */
export interface SharedOptions
  extends Omit<BridgeConnectOptions, "open" | "transport" | "tokenRequest">,
    NodeLimits {
  /** What to do with own URLs of the server whose host cannot be reached. Default `on-failure`. */
  readonly rewrite?: RewritePolicy | undefined;
  /** Which sides of a node get a session when it is connected to; the other gets one when it is used. Default `both`. */
  readonly sides?: BridgeConnectOptions["open"];
  /** `lazy` opens a node's session on its first use, `all` those of all nodes at once. Default `lazy`. */
  readonly connect?: "lazy" | "all" | undefined;
  /**
   * Hands out the sessions, which others may use too, and looks after them (`keepAlive` does not count then). Where it
   * has them all, no token is asked for. Default: the group makes its own sessions, and ends them.
   */
  readonly broker?: Pick<SessionBroker, "acquire"> | undefined;
  /** Makes the transports; by default a `Transport` of the options. */
  readonly createTransport?: ((options: TransportOptions) => GroupTransport) | undefined;
}

export interface LinkedGroupOptions extends SharedOptions, GroupLogin {
  /** URL of the Lookup Service where it is not at `/lookupservice/sdk`. */
  readonly lookupUrl?: string | undefined;
}

/**
 * A server of a fleet. What it does not say itself is as the fleet's options say, but that `principal` does not count
 * for a member with another `credential`.
 */
export interface FleetMember
  extends Partial<GroupLogin>,
    Pick<
      LinkedGroupOptions,
      "lookupUrl" | "rewrite" | "ssoDomain" | "sts" | "trust" | "clientCertificate" | "clockOffsetMs"
    > {
  /** `host`, `host:port`, `[ipv6]:port` or `https://host`. */
  readonly server: string;
}

/** The credential is that of members that have none of their own. */
export interface FleetOptions extends SharedOptions, Partial<GroupLogin> {}

/** How one run over nodes is done; what is not given is as the group's options say. */
export interface RunOptions extends NodeLimits {
  /** Which nodes, each as `node()` takes it. Default all. */
  readonly nodes?: readonly string[] | undefined;
  /** Stops the run: what is not done then has an AbortedError. */
  readonly signal?: AbortSignal | undefined;
}

/** @throws InvalidArgumentError */
export function checkLimits(
  limits: NodeLimits,
  kind: "group" | "fleet",
): { readonly concurrency: number; readonly nodeTimeoutMs: number | undefined } {
  const { concurrency = kind === "group" ? GROUP_CONCURRENCY : FLEET_CONCURRENCY, nodeTimeoutMs } = limits;
  if (!Number.isInteger(concurrency) || concurrency < 1) {
    throw new InvalidArgumentError("concurrency must be a whole number above 0");
  }
  if (nodeTimeoutMs !== undefined) checkDelay("nodeTimeoutMs", nodeTimeoutMs);
  return { concurrency, nodeTimeoutMs };
}

/** @throws InvalidArgumentError */
export function checkShared(options: SharedOptions): void {
  if (typeof options !== "object" || options === null) {
    throw new InvalidArgumentError("There are no options", { hint: "give at least { credential }" });
  }
  const { sides = "both", connect = "lazy", closeTimeoutMs } = options;
  if (!["both", "vapi", "vim"].includes(sides)) {
    throw new InvalidArgumentError('sides must be "both", "vapi" or "vim"');
  }
  if (!["lazy", "all"].includes(connect)) throw new InvalidArgumentError('connect must be "lazy" or "all"');
  if (closeTimeoutMs !== undefined) checkDelay("closeTimeoutMs", closeTimeoutMs);
}
