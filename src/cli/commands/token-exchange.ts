import type { AuthorizationServer, GrantOptions, OAuthTokens } from "../../index.ts";
import {
  authorizationCodeGrant,
  authorizationServerOf,
  clientCredentialsGrant,
  deviceGrant,
  exchangeForJwt,
  exchangeForSaml,
  type IdentityProvider,
  identityBroker,
  identityProviders,
  passwordGrant,
  SamlToken,
} from "../../index.ts";
import type { Command, CommandContext } from "../command.ts";
import { environmentCredentials, readPassword, readTokenSource, withheldNote } from "../credentials.ts";
import { EXIT } from "../exit-code.ts";
import { readSecretLine } from "../input.ts";
import type { OptionName } from "../options.ts";
import { formatJson } from "../output/json.ts";
import { SecretFile } from "../output/secret-file.ts";
import { printable } from "../output/text.ts";
import { connectionTo, type Services, withServices } from "../reach.ts";
import { giveToken, requiredToken } from "../token.ts";
import { UsageError } from "../usage.ts";

/** What is needed to get tokens of an identity provider, once there is a transport. */
type Grant = (options: GrantOptions) => Promise<OAuthTokens>;

interface ProviderTokens {
  readonly accessToken: string;
  readonly idToken?: string | undefined;
}

const GRANTS = ["device", "code", "client-credentials", "password"] as const;
/** Options that only a grant has a use for. */
const OF_GRANTS: readonly OptionName[] = [
  "issuer",
  "client-id",
  "client-secret-file",
  "scope",
  "broker-tenant",
  "redirect-uri",
];

export const exchange: Command = {
  async run(context) {
    const { flags, positionals } = context;
    connectionTo(context, positionals[0]);
    const to = flags.to ?? "saml";
    if (to !== "saml" && to !== "jwt") {
      throw new UsageError(`--to ${to} is no kind of token`, "one of: saml, jwt");
    }
    await (to === "jwt" ? toJwt(context) : toSaml(context));
    return EXIT.done;
  },
};

async function toJwt(context: CommandContext): Promise<void> {
  const { flags, positionals, signal } = context;
  const [server] = positionals;
  refuse(
    context,
    ["access-token-file", "id-token-file", "grant", ...OF_GRANTS],
    "--to jwt, which takes --token",
  );
  const [audience, ...more] = flags.audience ?? [];
  if (audience === undefined || more.length > 0) {
    throw new UsageError("--to jwt needs one --audience", "as --audience vmware-tes:vc:nsxd-v2:nsx");
  }
  const source = requiredToken(context, environmentCredentials(context, server));
  const token = SamlToken.from(await readTokenSource(context, source));
  await giveJwt(context, () =>
    withServices(context, server, ({ server: host, transport }) =>
      exchangeForJwt(host, { transport, token, audience, signal }),
    ),
  );
}

async function toSaml(context: CommandContext): Promise<void> {
  const { positionals, signal } = context;
  refuse(context, ["token", "audience"], "--to saml, which takes tokens of an identity provider");
  const get = await providerTokens(context);
  await giveToken(context, () =>
    withServices(context, positionals[0], async (services) => {
      const { accessToken, idToken } = await get(services);
      const { server, transport } = services;
      return exchangeForSaml(server, { transport, accessToken, idToken, signal });
    }),
  );
}

/** @throws UsageError for options that are of no use here. */
function refuse({ flags }: CommandContext, names: readonly OptionName[], where: string): void {
  const given = names.find((name) => flags[name] !== undefined);
  if (given !== undefined) {
    throw new UsageError(
      `--${given} is of no use with ${where}`,
      "vsso token exchange --help lists its options",
    );
  }
}

/** How to get tokens of the identity provider. Files are read and questions are asked before anything is connected to. */
async function providerTokens(
  context: CommandContext,
): Promise<(services: Services) => Promise<ProviderTokens>> {
  const { flags } = context;
  const file = flags["access-token-file"];
  if ((file === undefined) === (flags.grant === undefined)) {
    throw new UsageError(
      file === undefined
        ? "no token to exchange is named"
        : "--access-token-file and --grant exclude each other",
      `give --access-token-file FILE, or --grant with one of: ${GRANTS.join(", ")}`,
    );
  }
  if (file === undefined) return fromGrant(context);
  refuse(context, OF_GRANTS, "--access-token-file");
  const accessToken = await readToken(context, "access-token-file", file);
  const idFile = flags["id-token-file"];
  const idToken = idFile === undefined ? undefined : await readToken(context, "id-token-file", idFile);
  return async () => ({ accessToken, idToken });
}

async function readToken(context: CommandContext, name: OptionName, file: string): Promise<string> {
  const token = (await readSecretLine(context, file, `the token of --${name}`)).trim();
  if (token !== "") return token;
  throw new UsageError(`--${name} ${file} is empty`, "check what it holds");
}

async function fromGrant(context: CommandContext): Promise<(services: Services) => Promise<ProviderTokens>> {
  const { flags, signal } = context;
  refuse(context, ["id-token-file"], "--grant");
  const clientId = flags["client-id"];
  if (clientId === undefined) {
    throw new UsageError(
      "--grant needs the client's ID",
      "add --client-id ID, as registered at the provider",
    );
  }
  const grant = await readGrant(context);
  const secretFile = flags["client-secret-file"];
  const clientSecret =
    secretFile === undefined ? undefined : await readSecretLine(context, secretFile, "the client secret");
  if (clientSecret === "")
    throw new UsageError(`${secretFile} holds no client secret`, "check what it holds");
  const named = namedServer(context);
  return async (services) => {
    const server = named ?? namedServer(context, services.server) ?? (await defaultServer(services, signal));
    const { scope } = flags;
    return grant({ server, clientId, clientSecret, scope, transport: services.transport, signal });
  };
}

async function readGrant(context: CommandContext): Promise<Grant> {
  const { flags, positionals, env, err } = context;
  if (flags["redirect-uri"] !== undefined && flags.grant !== "code") {
    throw new UsageError("--redirect-uri is of use with --grant code alone", "leave it out");
  }
  switch (flags.grant) {
    case "device":
      return (options) =>
        deviceGrant({
          ...options,
          onPrompt: ({ verificationUri, userCode, verificationUriComplete }) => {
            err(`To sign in, open ${printable(verificationUri)} and enter ${printable(userCode)}\n`);
            if (verificationUriComplete) err(`or open ${printable(verificationUriComplete)}\n`);
          },
        });
    case "code":
      return (options) =>
        authorizationCodeGrant({
          ...options,
          redirectUri: flags["redirect-uri"],
          openUrl: (url) => err(`To sign in, open this in a browser on this machine:\n${printable(url)}\n`),
        });
    case "client-credentials":
      if (flags["client-secret-file"] === undefined) {
        throw new UsageError(
          "--grant client-credentials needs the client's secret",
          "add --client-secret-file FILE",
        );
      }
      return clientCredentialsGrant;
    case "password": {
      // The password goes to whoever is named here, which the environment's may not be meant for.
      const issuer = flags.issuer === undefined ? undefined : issuerHost(flags.issuer);
      const credentials = environmentCredentials({ flags, env }, issuer ?? positionals[0]);
      const username = flags.user ?? credentials.user;
      if (username === undefined) {
        throw new UsageError(`--grant password needs a user${withheldNote(credentials)}`, "add --user USER");
      }
      const password = await readPassword(context, username, credentials);
      return (options) => passwordGrant({ ...options, username, password });
    }
    default:
      throw new UsageError(`there is no grant ${flags.grant}`, `one of: ${GRANTS.join(", ")}`);
  }
}

function issuerHost(issuer: string): string {
  try {
    return new URL(issuer).host;
  } catch (cause) {
    throw new UsageError("--issuer is no URL", "as --issuer https://login.corp.example", { cause });
  }
}

/** The authorization server of `--issuer`, or the broker of `--broker-tenant` on the server once it is known. */
function namedServer({ flags }: CommandContext, server?: string): AuthorizationServer | undefined {
  const { issuer, "broker-tenant": tenant } = flags;
  if (issuer !== undefined && tenant !== undefined) {
    throw new UsageError("--issuer and --broker-tenant exclude each other", "give who issues the tokens");
  }
  if (issuer !== undefined) {
    issuerHost(issuer);
    return { issuer };
  }
  return tenant === undefined || server === undefined ? undefined : identityBroker(server, { tenant });
}

/** The identity provider that the vCenter is federated to. */
async function defaultServer(
  { server, transport }: Services,
  signal: AbortSignal,
): Promise<AuthorizationServer> {
  const providers = await identityProviders(server, { transport, signal });
  const provider = chooseProvider(providers);
  if (provider) return authorizationServerOf(provider);
  const names = providers.map(({ name, provider: id }) => name ?? id).join(", ");
  throw new UsageError(
    providers.length === 0
      ? `${server} is not federated to an identity provider`
      : `${server} has no default among its identity providers: ${names}`,
    "name the issuer: --issuer URL, or --broker-tenant TENANT for the Identity Broker",
  );
}

function chooseProvider(providers: readonly IdentityProvider[]): IdentityProvider | undefined {
  return providers.find(({ isDefault }) => isDefault) ?? (providers.length === 1 ? providers[0] : undefined);
}

/** As `giveToken`, for a JWT. */
async function giveJwt(
  { flags, out }: Pick<CommandContext, "flags" | "out">,
  get: () => Promise<OAuthTokens>,
): Promise<void> {
  const file = flags.out === undefined ? undefined : await SecretFile.open(flags.out);
  try {
    const { accessToken, issuedTokenType, expiresIn } = await get();
    await file?.write(accessToken);
    if (flags.output === "json") {
      out(formatJson({ token: accessToken, issuedTokenType, expiresIn }));
    } else if (!file) {
      out(`${accessToken}\n`);
    }
  } finally {
    await file?.[Symbol.asyncDispose]();
  }
}
