import { createPublicKey, verify } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  authorizationCodeGrant,
  clientCredentialsGrant,
  deviceGrant,
  exchangeForJwt,
  exchangeForSaml,
  identityBroker,
  OAuthError,
  type OAuthTokens,
  refreshTokenGrant,
  type SamlToken,
  Transport,
  verifyAssertion,
} from "../../src/index.ts";
import { type Simulator, startSimulator } from "../../src/simulator/index.ts";
import { GROUPS, type OidcProvider, signInWithBrowser, startOidcProvider, upnOf } from "./oidc-provider.ts";

describe("oidc-provider", () => {
  let provider: OidcProvider;
  let transport: Transport;
  beforeAll(async () => {
    provider = await startOidcProvider();
    transport = new Transport();
  });
  afterAll(async () => {
    await transport?.close();
    await provider?.stop();
  });

  const people = () => ({
    server: { issuer: provider.issuer },
    clientId: provider.publicClient,
    scope: "openid vcenter",
    transport,
  });

  it("gives tokens to a person who signs in with a browser", async () => {
    let page: ReturnType<typeof signInWithBrowser> | undefined;
    const tokens = await authorizationCodeGrant({
      ...people(),
      openUrl: (url) => {
        page = signInWithBrowser(url, "anna");
      },
    });
    expect((await page)?.text).toContain("You are signed in.");
    expectTokensOf("anna", tokens);
  });

  it("tells that the person said no", async () => {
    let page: ReturnType<typeof signInWithBrowser> | undefined;
    const grant = authorizationCodeGrant({
      ...people(),
      openUrl: (url) => {
        page = signInWithBrowser(url, "anna", "abort");
      },
    });
    await expect(grant).rejects.toMatchObject({ code: "GRANT_REFUSED", error: "access_denied" });
    expect((await page)?.text).toContain("You were not signed in.");
  });

  it("gives tokens to a person who signs in on another device, after having been asked in vain", async () => {
    let complete = "";
    let polls = 0;
    const tokens = await deviceGrant({
      ...people(),
      transport: {
        request: async (url, request) => {
          const reply = await transport.request(url, request);
          // Signs in after the first question, so that there is one that is answered with "not yet".
          if (url === `${provider.issuer}/token` && ++polls === 1) {
            expect(JSON.parse(reply.body.toString())).toMatchObject({ error: "authorization_pending" });
            await signInWithBrowser(complete, "berta");
          }
          return reply;
        },
      },
      onPrompt: ({ userCode, verificationUri, verificationUriComplete }) => {
        expect(userCode).toMatch(/^[A-Z]{4}-[A-Z]{4}$/);
        expect(verificationUri).toBe(`${provider.issuer}/device`);
        complete = verificationUriComplete ?? "";
      },
    });
    expect(polls).toBe(2);
    expectTokensOf("berta", tokens);
  });
  it("tells that a device code was refused", async () => {
    const grant = deviceGrant({
      ...people(),
      onPrompt: async ({ verificationUriComplete }) => {
        await signInWithBrowser(verificationUriComplete ?? "", "berta", "abort");
      },
    });
    await expect(grant).rejects.toMatchObject({ code: "GRANT_REFUSED", error: "access_denied" });
  });

  it("gives tokens to a client of its own, whose secret has every kind of character", async () => {
    const { id, secret } = provider.service;
    const tokens = await clientCredentialsGrant({
      server: { issuer: provider.issuer },
      clientId: id,
      clientSecret: secret,
      scope: "vcenter",
      transport,
    });
    expect(tokens.idToken).toBeUndefined();
    expect(claimsOf(tokens.accessToken)).toMatchObject({ iss: provider.issuer, sub: id, scope: "vcenter" });
  });

  it("refuses a client with another secret, and one that may not", async () => {
    const grant = (clientId: string) =>
      clientCredentialsGrant({
        server: { issuer: provider.issuer },
        clientId,
        clientSecret: "another secret",
        transport,
      });
    for (const clientId of [provider.service.id, provider.publicClient]) {
      const error = await grant(clientId).catch((failure: unknown) => failure);
      expect(error).toBeInstanceOf(OAuthError);
      expect(error).toMatchObject({ code: "GRANT_REFUSED", error: "invalid_client" });
    }
  });

  it("refuses a refresh token that it did not give", async () => {
    const grant = refreshTokenGrant({ ...people(), refreshToken: "made-up" });
    await expect(grant).rejects.toMatchObject({ code: "GRANT_REFUSED", error: "invalid_grant" });
  });

  function expectTokensOf(account: string, { accessToken, idToken, expiresIn }: OAuthTokens): void {
    const subject = { iss: provider.issuer, sub: account, upn: upnOf(account), groups: GROUPS };
    expect(claimsOf(accessToken)).toMatchObject({ ...subject, scope: expect.stringContaining("vcenter") });
    expect(claimsOf(idToken ?? "")).toMatchObject({ ...subject, aud: provider.publicClient });
    expect(expiresIn).toBe(300);
  }

  /** Claims of a JWT that the provider signed. */
  function claimsOf(jwt: string): unknown {
    const [header = "", claims = "", signature = ""] = jwt.split(".");
    const [jwk = {}] = provider.jwks.keys;
    const key = createPublicKey({ key: jwk, format: "jwk" });
    const signed = Buffer.from(`${header}.${claims}`);
    expect(verify("sha256", signed, key, Buffer.from(signature, "base64url"))).toBe(true);
    return JSON.parse(Buffer.from(claims, "base64url").toString());
  }
});

describe("a simulated vCenter that is federated to oidc-provider", () => {
  let provider: OidcProvider;
  let simulator: Simulator;
  let transport: Transport;
  let server: string;
  beforeAll(async () => {
    provider = await startOidcProvider();
    const { issuer, jwks } = provider;
    simulator = await startSimulator({ nodes: 1, identityProvider: { issuer, jwks } });
    server = simulator.servers[0]?.url ?? "";
    transport = new Transport({ trust: { ca: simulator.ca } });
  });
  afterAll(async () => {
    await transport?.close();
    await simulator?.close();
    await provider?.stop();
  });

  const signIn = (account: string) =>
    authorizationCodeGrant({
      server: { issuer: provider.issuer },
      clientId: provider.publicClient,
      scope: "openid vcenter",
      transport,
      openUrl: async (url) => {
        await signInWithBrowser(url, account);
      },
    });

  it.each(["api", "rest"] as const)("takes a person's tokens at the door %s", async (endpoint) => {
    const { accessToken, idToken } = await signIn("carla");
    const token = await exchangeForSaml(server, { transport, accessToken, idToken, endpoint });
    await expectSaml(token, upnOf("carla"));
  });

  it("takes the token of a client that asked for itself", async () => {
    const { id, secret } = provider.service;
    const { accessToken } = await clientCredentialsGrant({
      server: { issuer: provider.issuer },
      clientId: id,
      clientSecret: secret,
      transport,
    });
    await expectSaml(await exchangeForSaml(server, { transport, accessToken }), id);
  });

  it("gives a JWT for the SAML token that it gave", async () => {
    const { accessToken, idToken } = await signIn("dora");
    const token = await exchangeForSaml(server, { transport, accessToken, idToken });
    const audience = "vmware-tes:vc:nsxd-v2:nsx";
    const jwt = await exchangeForJwt(server, { transport, token, audience });
    const claims = JSON.parse(Buffer.from(jwt.accessToken.split(".")[1] ?? "", "base64url").toString());
    expect([claims.aud].flat()).toEqual([audience]);
    expect(JSON.stringify(claims).toLowerCase()).toContain(upnOf("dora"));
  });

  it("refuses an access token with one character changed, one of another provider, and none", async () => {
    const { accessToken } = await signIn("emma");
    const [header = "", claims = "", signature = ""] = accessToken.split(".");
    const changed = `${header}.${claims}.${signature.startsWith("A") ? "B" : "A"}${signature.slice(1)}`;
    const other = await startOidcProvider();
    const foreign = await clientCredentialsGrant({
      server: { issuer: other.issuer },
      clientId: other.service.id,
      clientSecret: other.service.secret,
      transport,
    }).finally(() => other.stop());
    for (const wrong of [changed, foreign.accessToken, "nothing"]) {
      const failure = await exchangeForSaml(server, { transport, accessToken: wrong }).catch(
        (error: unknown) => error,
      );
      expect(failure).toBeInstanceOf(OAuthError);
      expect(failure).toMatchObject({ code: "GRANT_REFUSED" });
    }
  });

  async function expectSaml(token: SamlToken, subject: string): Promise<void> {
    expect(token.kind).toBe("bearer");
    const { info } = await verifyAssertion(token.assertion, { anchors: simulator.stsSigningCa });
    expect(info.subject.toLowerCase()).toContain(subject.toLowerCase());
  }
});

describe("the Identity Broker of a simulated vCenter", () => {
  it("gives a client a token that the vCenter exchanges", async () => {
    const client = { id: "client-1", secret: "a secret: +/=%é" };
    const simulator = await startSimulator({ nodes: 1, oauthClients: [client] });
    const transport = new Transport({ trust: { ca: simulator.ca } });
    try {
      const server = simulator.servers[0]?.url ?? "";
      const grant = (clientSecret: string) =>
        clientCredentialsGrant({
          server: identityBroker(server),
          clientId: client.id,
          clientSecret,
          transport,
        });
      const { accessToken } = await grant(client.secret);
      const token = await exchangeForSaml(server, { transport, accessToken });
      const { info } = await verifyAssertion(token.assertion, { anchors: simulator.stsSigningCa });
      expect(info.subject.toLowerCase()).toContain(client.id);
      await expect(grant("another")).rejects.toMatchObject({
        code: "GRANT_REFUSED",
        error: "invalid_client",
      });
    } finally {
      await transport.close();
      await simulator.close();
    }
  });
});
