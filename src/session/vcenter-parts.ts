import { InvalidArgumentError } from "../errors.ts";
import { formatAuthority, parseServer } from "../net/authority.ts";
import { checkDelay } from "../net/deadline.ts";
import { Transport } from "../net/transport.ts";
import type { SecurityTokenService } from "../sts/client.ts";
import { SessionBridge } from "./bridge.ts";
import { SIDES } from "./bridge-held.ts";
import { BridgeSide } from "./bridge-side.ts";
import { type BridgeConnectOptions, CLOSE_TIMEOUT_MS } from "./connect-options.ts";
import type { DoorOptions } from "./door.ts";
import { KeepAlive, type KeepAliveTarget } from "./keep-alive.ts";
import { type Principal, principalOf, type SessionCredential } from "./principal.ts";
import type { SessionSide } from "./session-event.ts";
import { POOL, type PooledOptions } from "./session-pool.ts";
import { VapiJsonRpc } from "./vapi-jsonrpc.ts";
import { VapiRest } from "./vapi-rest.ts";
import { VimJson } from "./vim-json.ts";
import { VimSoap } from "./vim-soap.ts";

/** What a `VCenter` is made of: the doors over one transport, and what keeps their sessions. */
export interface VCenterParts {
  readonly host: string;
  readonly sides: Readonly<Record<SessionSide, BridgeSide>>;
  readonly bridge: SessionBridge;
  readonly rest: VapiRest;
  readonly rpc: VapiJsonRpc;
  readonly soap: VimSoap;
  readonly json: VimJson;
  readonly keepAlive: KeepAlive | undefined;
  readonly principalFor: (credential: SessionCredential) => Principal;
  /** Ends the sessions and closes the transport, unless that was given. */
  readonly close: () => Promise<void>;
}

/** @throws InvalidArgumentError for a server, a credential or an option that cannot be used. */
export function assemble(
  server: string,
  options: BridgeConnectOptions & PooledOptions,
  credential: SessionCredential | undefined,
): VCenterParts {
  checkChoices(options);
  const host = formatAuthority(parseServer(server));
  const closeTimeoutMs = checkDelay("closeTimeoutMs", options.closeTimeoutMs ?? CLOSE_TIMEOUT_MS);
  const { clockOffsetMs = 0, tokenRequest, [POOL]: pool } = options;
  const ownTransport = options.transport ? undefined : new Transport(options);
  const transport = options.transport ?? (ownTransport as Transport);
  const doorOptions: DoorOptions = { transport, clockOffsetMs };
  const doors = {
    rest: new VapiRest(host, doorOptions),
    rpc: new VapiJsonRpc(host, doorOptions),
    soap: new VimSoap(host, doorOptions),
    json: new VimJson(host, doorOptions),
  };
  const sides = {
    vapi: new BridgeSide({ name: "vapi", host, doors: [doors.rest, doors.rpc] }),
    vim: new BridgeSide({ name: "vim", host, doors: [doors.soap, doors.json] }),
  };
  const sts = async (): Promise<SecurityTokenService> => {
    if (typeof options.sts === "object") return options.sts;
    // It takes more code than a caller with a password should have to load.
    const { SecurityTokenService } = await import("../sts/client.ts");
    const { ssoDomain } = options;
    return new SecurityTokenService(options.sts ?? host, { transport, ssoDomain, clockOffsetMs });
  };
  const now = (): number => Date.now() + clockOffsetMs;
  const look = (given: SessionCredential): Principal => principalOf(given, { sts, tokenRequest, now });
  const principalFor = (given: SessionCredential): Principal =>
    pool ? pool.principal(given, look) : look(given);
  const bridge = new SessionBridge({
    host,
    sides,
    about: async (signal) => (await doors.soap.serviceContent({ signal })).about,
    principal: credential === undefined ? undefined : principalFor(credential),
    pool,
    share: options.share ?? "auto",
    decisions: options.decisions ?? new Map<string, boolean>(),
    endTimeoutMs: closeTimeoutMs,
    // It may have stopped for idleness.
    onUse: () => {
      keepAlive?.start();
      pool?.used();
    },
  });
  pool?.attach({
    sides,
    spare: () => ({
      vapi: new BridgeSide({ name: "vapi", host, doors: [new VapiRest(host, doorOptions)] }),
      vim: new BridgeSide({ name: "vim", host, doors: [new VimSoap(host, doorOptions)] }),
    }),
    closeTimeoutMs,
    get idleMs() {
      return bridge.idleMs;
    },
    held: (side) => bridge.held(side)?.id,
    touch: (side) => touchSide(bridge, sides, side),
  });
  const keepAlive: KeepAlive | undefined = keepAliveOf(options.keepAlive, keepAliveTarget(bridge, sides));
  const close = async (): Promise<void> => {
    keepAlive?.stop();
    try {
      await bridge.end(closeTimeoutMs);
    } finally {
      try {
        await pool?.leave();
      } finally {
        await ownTransport?.close();
      }
    }
  };
  return { host, sides, bridge, ...doors, keepAlive, principalFor, close };
}

function keepAliveOf(
  wanted: BridgeConnectOptions["keepAlive"],
  target: KeepAliveTarget,
): KeepAlive | undefined {
  if (!wanted) return undefined;
  return new KeepAlive(target, wanted === true ? {} : wanted);
}

/** Makes a call at a side that has a session; one that has ended is made anew, for it is still used. */
async function touchSide(
  bridge: SessionBridge,
  sides: Readonly<Record<SessionSide, BridgeSide>>,
  side: SessionSide,
): Promise<void> {
  const held = bridge.held(side);
  if (held === null || bridge.closed) return;
  const publish = sides[side].event("keep-alive", bridge.user);
  try {
    const known = (await bridge.check(side)) !== null;
    if (!known) await bridge.ready(side, held.id);
    publish();
  } catch (error) {
    // The next call of the program's own tells it, if it is still so.
    publish({ error });
  }
}

/** Touches each side that has a session. */
export function keepAliveTarget(
  bridge: SessionBridge,
  sides: Readonly<Record<SessionSide, BridgeSide>>,
): KeepAliveTarget {
  return {
    get idleMs() {
      return bridge.idleMs;
    },
    touch: async () => {
      await Promise.all(SIDES.map((side) => touchSide(bridge, sides, side)));
    },
  };
}

function checkChoices({ open = "both", share = "auto" }: BridgeConnectOptions): void {
  if (!["both", "vapi", "vim"].includes(open)) {
    throw new InvalidArgumentError('open must be "both", "vapi" or "vim"');
  }
  if (!["auto", "always", "never"].includes(share)) {
    throw new InvalidArgumentError('share must be "auto", "always" or "never"');
  }
}
