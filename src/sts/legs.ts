import { randomUUID } from "node:crypto";
import { AbortedError, InvalidArgumentError, ProtocolError } from "../errors.ts";
import { abortable } from "../net/deadline.ts";
import type { Identity, SpnegoMechanism } from "./credential.ts";
import type { StsExchange, StsRequest } from "./exchange.ts";
import { unexpectedAnswer } from "./granted.ts";
import type { HeaderContent } from "./header.ts";
import { challengeBody, type IssueRequest, issueBody } from "./request.ts";
import type { StsAnswer } from "./response.ts";

/** An authentication takes two or three legs; a server that never ends one is broken. */
const MAX_LEGS = 10;

/** What all legs have in common. */
export interface LegsRequest
  extends Omit<StsRequest, "operation" | "body" | "idempotent" | "credential" | "actAs" | "secrets"> {
  readonly identity: Identity;
  readonly request: Omit<IssueRequest, "lifetime" | "context" | "binaryExchange">;
  readonly lifetimeSeconds: number;
  /** Texts that must not be in an error; what each leg sends is put to them. */
  readonly secrets: string[];
}

/** Asks for a token, in as many legs as the credential takes. */
export async function issueInLegs(exchange: StsExchange, asked: LegsRequest): Promise<StsAnswer> {
  const { identity, secrets, signal } = asked;
  const { kind } = identity;
  const common = {
    header: asked.header,
    credential: kind,
    actAs: asked.request.actAs !== undefined,
    // What is presented twice must not count twice towards a lock-out.
    idempotent: kind === "certificate" || kind === "token",
    messageLifetimeSeconds: asked.messageLifetimeSeconds,
    secrets,
    signal,
  };
  const spnego = kind === "spnego" ? identity.mechanism : undefined;
  const nextLeg = async (challenge: Uint8Array | undefined): Promise<Uint8Array | undefined> => {
    const leg = spnego && (await callerStep(spnego.step(challenge), signal));
    if (leg) secrets.push(Buffer.from(leg).toString("base64"));
    return leg;
  };

  const context = spnego && `urn:_${randomUUID()}`;
  const binaryExchange = await nextLeg(undefined);
  let answer = await exchange.send({
    ...common,
    operation: "Issue",
    body: () =>
      issueBody({
        ...asked.request,
        lifetime: exchange.lifetime(asked.lifetimeSeconds),
        context,
        binaryExchange,
      }),
  });
  for (let leg = 1; answer.assertion === undefined; leg++) {
    const session = sessionOf(answer, context, identity, exchange.url);
    if (leg >= MAX_LEGS) {
      throw unexpectedAnswer(exchange.url, `asked for more than ${MAX_LEGS} legs of an authentication`);
    }
    let header = withoutSignatureId(asked.header);
    if (kind === "passcode") {
      const passcode = await nextPasscode(identity, leg, signal);
      secrets.push(passcode);
      header = { ...header, username: { name: identity.username, passcode } };
    }
    const next = await nextLeg(answer.binaryExchange);
    answer = await exchange.send({
      ...common,
      operation: "Challenge",
      header,
      body: () => challengeBody(session, next),
    });
  }
  await proveServer(spnego, answer, { url: exchange.url, signal });
  return answer;
}

/** Has the mechanism check the server's last leg. */
async function proveServer(
  spnego: SpnegoMechanism | undefined,
  { binaryExchange }: StsAnswer,
  { url, signal }: { readonly url: string; readonly signal: AbortSignal | undefined },
): Promise<void> {
  if (!spnego?.finish) return;
  if (binaryExchange) return callerStep(spnego.finish(binaryExchange), signal);
  if (spnego.lastLegOptional) return;
  throw new ProtocolError(
    "RESPONSE_UNEXPECTED",
    `${url} granted a token without a last leg of SPNEGO, by which it would have proved who it is`,
    {
      url,
      hint: "where the server proves itself earlier, or need not, set lastLegOptional: true on the mechanism",
    },
  );
}

/** The context under which an authentication goes on. */
function sessionOf(
  { context: answered, binaryExchange }: StsAnswer,
  context: string | undefined,
  { kind }: Identity,
  url: string,
): string {
  if (kind !== "spnego" && kind !== "passcode") throw unexpectedAnswer(url, "answered Issue without a token");
  if (answered === undefined) {
    throw unexpectedAnswer(url, "answered with neither a token nor a context to go on with");
  }
  if (kind === "spnego" && answered !== context) {
    throw unexpectedAnswer(url, "answered with the context of another authentication");
  }
  if (kind === "spnego" && binaryExchange === undefined) {
    throw unexpectedAnswer(url, "answered a leg of SPNEGO without one of its own");
  }
  return answered;
}

async function nextPasscode(
  { onChallenge }: Extract<Identity, { kind: "passcode" }>,
  leg: number,
  signal: AbortSignal | undefined,
): Promise<string> {
  if (onChallenge === undefined) {
    throw new InvalidArgumentError("The server asks for a further passcode, and onChallenge was not given", {
      hint: "give onChallenge: it returns the next code that the SecurID token shows",
    });
  }
  return callerStep(onChallenge(leg), signal);
}

/** The first message said by UseKey which key the token is for; the later ones have nothing to refer to theirs. */
function withoutSignatureId(header: HeaderContent): HeaderContent {
  return header.signature ? { ...header, signature: { ...header.signature, id: undefined } } : header;
}

/** Waits for the caller's part of an authentication no longer than the caller does. */
async function callerStep<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  try {
    return await abortable(work, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new AbortedError("The request for a token was aborted", { cause: signal.reason });
  }
}
