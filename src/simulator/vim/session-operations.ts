import { createHash, X509Certificate } from "node:crypto";
import { byJwt, byPassword, byToken, LoginRefused, userOf, userOfToken } from "../sessions/login.ts";
import type { SimulatedSession } from "../sessions/table.ts";
import type { SessionUser } from "../sessions/user.ts";
import { isDisabled } from "../sts/directory.ts";
import { StsFault } from "../sts/fault.ts";
import { loginTokenOfMessage } from "../sts/token-login.ts";
import { assertionOf, checkSignature, parseSign } from "../vapi/sign-header.ts";
import type { NodeView } from "../view.ts";
import { type Call, type Operation, type Operations, sessionOf } from "./call.ts";
import { InvalidLogin, invalidArgument, VimFault } from "./fault.ts";
import type { Arguments, Parameter } from "./parameters.ts";
import { LOCALES, userSession } from "./user-session.ts";
import { flag, text, type VimValue } from "./value.ts";

/** Extensions that are registered with the certificate of the solution user `vpxd-extension`. */
const EXTENSIONS: ReadonlySet<string> = new Set([
  "com.vmware.vcIntegrity",
  "com.vmware.vim.eam",
  "com.vmware.vsan.health",
]);
const LOCALE: Parameter = { name: "locale", type: "string", optional: true };

/** Operations of the `SessionManager`. */
export const SESSION_OPERATIONS: Operations = {
  Login: login(
    [{ name: "userName", type: "string" }, { name: "password", type: "string" }, LOCALE],
    (args, { view }) => ({ user: byPassword(args.text("userName"), args.text("password"), view) }),
  ),
  LoginByToken: login([LOCALE], (_args, call) => userOfCredentials(call)),
  LoginExtensionByCertificate: login([{ name: "extensionKey", type: "string" }, LOCALE], (args, call) => ({
    user: userOfExtension(args.text("extensionKey"), call),
    extension: true,
  })),
  CloneSession: login([{ name: "cloneTicket", type: "string" }], (args, { view }) => {
    const id = view.vim.redeemTicket(args.text("cloneTicket"));
    const cloned = view.sessions.list("vim", view.now).find((session) => session.id === id);
    if (!cloned) throw new LoginRefused("the clone ticket is not one, or it is used up");
    const { user, locale, extension, credentialEndsAt: endsAt } = cloned;
    return { user, locale, extension, endsAt };
  }),
  Logout: operation("System.View", [], (_args, call) => {
    call.view.sessions.end(sessionOf(call).id, "vim");
    return undefined;
  }),
  AcquireCloneTicket: operation("System.View", [], (_args, call) => {
    const { view } = call;
    const digest = createHash("sha1")
      .update(Buffer.from(view.node.certificates.trust, "base64"))
      .digest("hex");
    const thumbprint = (digest.toUpperCase().match(/../g) ?? []).join("-");
    return text(view.vim.issueTicket(sessionOf(call), thumbprint));
  }),
  SessionIsActive: operation(
    "Sessions.ValidateSession",
    [
      { name: "sessionID", type: "string" },
      { name: "userName", type: "string" },
    ],
    (args, { view }) =>
      flag(
        view.sessions
          .list("vim", view.now)
          .some(({ key, user }) => key === args.text("sessionID") && user.userName === args.text("userName")),
      ),
  ),
  TerminateSession: operation(
    "Sessions.TerminateSession",
    [{ name: "sessionId", type: "string", many: true }],
    terminate,
  ),
  ImpersonateUser: operation(
    "Sessions.ImpersonateUser",
    [{ name: "userName", type: "string" }, LOCALE],
    impersonate,
  ),
  SetLocale: operation("System.View", [{ name: "locale", type: "string" }], (args, call) => {
    sessionOf(call).locale = localeOf(args) ?? "en";
    return undefined;
  }),
  UpdateServiceMessage: operation(
    "Sessions.GlobalMessage",
    [{ name: "message", type: "string" }],
    (args, { view }) => {
      view.vim.message = args.text("message");
      return undefined;
    },
  ),
};

function operation(privilege: string, parameters: readonly Parameter[], run: Operation["run"]): Operation {
  return { receivers: ["SessionManager"], privilege, parameters, run };
}

interface Identified {
  readonly user: SessionUser;
  readonly locale?: string;
  readonly extension?: boolean;
  /** When the credential ends. */
  readonly endsAt?: number | undefined;
}

/** An operation that anybody may call, and that opens a session for who `identify` says the caller is. */
function login(
  parameters: readonly Parameter[],
  identify: (args: Arguments, call: Call) => Identified,
): Operation {
  const run = (args: Arguments, call: Call): VimValue => {
    const { view, request } = call;
    const locale = localeOf(args);
    if (call.session && (view.behaviours.refusesSecondLogin ?? true))
      throw new InvalidLogin("the connection has a session");
    const identified = refusing(() => identify(args, call));
    const opened = view.sessions.create({
      side: "vim",
      user: identified.user,
      now: view.now,
      credentialEndsAt: identified.endsAt,
      locale: locale ?? identified.locale,
      ipAddress: request.remoteAddress,
      userAgent: request.headers["user-agent"],
      extension: identified.extension,
    });
    view.vim.retain(new Set(view.sessions.list("vim", view.now).map(({ id }) => id)));
    call.opened = opened;
    return userSession(opened);
  };
  return { receivers: ["SessionManager"], privilege: null, parameters, run };
}

/** Every reason to refuse a login looks the same from outside. */
function refusing<T>(identify: () => T): T {
  try {
    return identify();
  } catch (error) {
    if (error instanceof LoginRefused || error instanceof StsFault) throw new InvalidLogin(error.message);
    throw error;
  }
}

/** @throws VimFault InvalidLocale */
function localeOf(args: Arguments): string | undefined {
  const locale = args.optionalText("locale");
  if (locale === undefined || locale === "" || LOCALES.includes(locale)) return locale || undefined;
  throw new VimFault("InvalidLocale", "The locale is not valid or is not supported.");
}

/** A SAML token, in the header of the message or at VI/JSON in that of the request; or a JSON Web Token. */
function userOfCredentials(call: Call): Identified {
  const { view, request, message } = call;
  const jwt = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? "")?.[1];
  if (jwt !== undefined) return { user: byJwt(jwt, view) };
  if (message === undefined) return userOfSignHeader(call);
  const token = loginTokenOfMessage(message, view);
  return { user: userOfToken(token, view), endsAt: token.notOnOrAfter };
}

function userOfSignHeader({ view, request }: Call): Identified {
  const { behaviours, vapi, now } = view;
  const isSign = request.authorizations.some((value) => /^SIGN\s/i.test(value));
  if (!isSign || !behaviours.jsonLoginByToken) throw new LoginRefused("there is no token");
  const parameters = parseSign(request.authorizations);
  const { user, token } = byToken(assertionOf(parameters), view);
  if (token.holder) {
    checkSignature(parameters, token.holder, request, { behaviours, nonces: vapi.nonces, now });
  }
  return { user, endsAt: token.notOnOrAfter };
}

function userOfExtension(key: string, { view, request }: Call): SessionUser {
  const der = request.clientCertificate;
  if (!der) {
    throw new VimFault("NoClientCertificate", "The client did not provide a certificate.");
  }
  const certificate = new X509Certificate(der);
  const owner = view.sso.directory.solutionUserOf(certificate);
  if (
    !EXTENSIONS.has(key) ||
    !owner?.name.startsWith("vpxd-extension-") ||
    !owner.certificate.raw.equals(certificate.raw) ||
    isDisabled(owner, view.faults) ||
    view.now < Date.parse(certificate.validFrom) ||
    view.now > Date.parse(certificate.validTo)
  ) {
    throw new LoginRefused("the extension is unknown, or the certificate is not its own");
  }
  return { upn: key, userName: key, fullName: key, administrator: true, solution: true };
}

/** One after the other: those before the first that cannot be ended are gone. */
function terminate(args: Arguments, call: Call): undefined {
  const { view } = call;
  for (const key of args.texts("sessionId")) {
    if (key === sessionOf(call).key) throw invalidArgument("sessionId");
    const found = view.sessions.list("vim", view.now).find((session) => session.key === key);
    if (!found) throw new VimFault("NotFound", "The object or item referred to could not be found.");
    view.sessions.end(found.id, "vim");
  }
  return undefined;
}

/** The session itself becomes that of the other user: its ID and its key stay. */
function impersonate(args: Arguments, call: Call): VimValue {
  const session: SimulatedSession = sessionOf(call);
  const locale = localeOf(args);
  session.user = refusing(() => userNamed(args.text("userName"), call.view));
  if (locale !== undefined) session.locale = locale;
  return userSession(session);
}

function userNamed(login: string, view: NodeView): SessionUser {
  const principal = view.sso.directory.person(login);
  if (!principal || isDisabled(principal, view.faults)) throw new LoginRefused("there is no such user");
  return userOf(principal, view);
}
