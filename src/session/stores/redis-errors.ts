import { StoreError } from "../../errors.ts";

/** What to do about an answer of the server, by the word that it begins with. */
const HINTS: Readonly<Record<string, string>> = {
  NOAUTH: "Give the password, in the URL or as an option.",
  WRONGPASS: "Check user name and password, and whether the user is enabled.",
  NOPERM:
    "Allow the user the commands EVAL, EVALSHA, SCAN, GET, SET, DEL, INCR, PEXPIRE, PTTL, HGET, HSET and HSTRLEN on the store's keys.",
  READONLY: "This is a replica: give the address of the primary.",
  MOVED: "This is a node of a cluster: give a connected cluster client of @redis/client as `client`.",
  ASK: "This is a node of a cluster: give a connected cluster client of @redis/client as `client`.",
  CLUSTERDOWN: "Wait until the cluster is whole again.",
  CROSSSLOT: "Give a prefix without braces.",
  OOM: "Give the server more memory, or let it evict other keys.",
  MISCONF: "The server cannot save to its disk and takes no writes; see its log.",
  NOREPLICAS: "The server takes no writes without its replicas; bring them back.",
  LOADING: "The server is still loading its data; try again.",
  MASTERDOWN: "The replica has lost its primary; give the address of the new one.",
  BUSY: "A script keeps the server busy; see SCRIPT KILL.",
  DENIED: "The server is in protected mode: give it a password, or let it bind to the address that is used.",
};
const ADDRESS_HINT = "Check the address, and that the server runs.";
const TLS_HINT = "Check rediss:// and redis://, and give the server's CA as `tls.ca`.";

/** The word that an error answer of the server begins with; undefined for all other errors. */
export function replyCode(error: unknown): string | undefined {
  const message = error instanceof Error && !("code" in error) ? error.message : "";
  const code = /^-?([A-Z][A-Z0-9]{2,})(?= |$)/.exec(message)?.[1];
  // Servers before 7 put what a script ran into behind the place in it.
  return code === "ERR" ? (/@user_script: ?\d+: -?([A-Z]{3,})(?= )/.exec(message)?.[1] ?? code) : code;
}

/** Whether the connection, not the command, failed, so that another one may do better. */
export function isConnectionLost(error: unknown): boolean {
  const code = replyCode(error);
  if (code !== undefined) return code === "LOADING";
  const { name, code: system } = describe(error);
  return (
    /^(SocketClosedUnexpectedly|DisconnectsClient|ClientOffline)Error$/.test(name) ||
    /^(ECONNREFUSED|ECONNRESET|EPIPE|ENOENT|ETIMEDOUT|EAGAIN|EHOSTUNREACH|ENETUNREACH)$/.test(system)
  );
}

/** The error of this package for one that the client threw about the server of this name. */
export function toStoreError(error: unknown, server: string): StoreError {
  if (error instanceof StoreError) return error;
  const code = replyCode(error);
  if (code !== undefined) return refused(error, code, server);
  const { name, code: system } = describe(error);
  if (name === "ClientClosedError") {
    return unavailable(`The client of Redis at ${server} is not connected`, {
      hint: "Connect the client before it is used, and close it after the store.",
      cause: error,
    });
  }
  const tls = /CERT|TLS|SSL|SELF_SIGNED|UNABLE_TO|ALTNAME/.test(system);
  const why = system === "" ? "the connection was lost" : system;
  return unavailable(`Redis at ${server} cannot be reached: ${why}`, {
    hint: tls ? TLS_HINT : ADDRESS_HINT,
    cause: error,
  });
}

export function unavailable(message: string, details?: { hint?: string; cause?: unknown }): StoreError {
  return new StoreError("STORE_UNAVAILABLE", message, details);
}

function refused(error: unknown, code: string, server: string): StoreError {
  if (code === "WRONGTYPE") {
    return new StoreError(
      "STORE_UNREADABLE",
      `Redis at ${server} keeps something else under the store's key`,
      {
        hint: "Give the store a prefix of its own.",
      },
    );
  }
  const text = error instanceof Error ? error.message : "";
  const hint = HINTS[code] ?? (/^ERR AUTH\b/.test(text) ? HINTS.WRONGPASS : undefined);
  // Such an answer may quote what it was asked, and the client's error may carry it: neither goes on.
  const detail = hint === undefined ? text.replace(/(['"`]).*\1/gs, "…").slice(0, 200) : code;
  return unavailable(`Redis at ${server} refused: ${detail}`, hint === undefined ? {} : { hint });
}

function describe(error: unknown): { readonly name: string; readonly code: string } {
  if (!(error instanceof Error)) return { name: "", code: "" };
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  // An attempt at every address of a host fails with one error for all of them.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : undefined;
  return { name: error.constructor.name, code: code || (first === undefined ? "" : describe(first).code) };
}
