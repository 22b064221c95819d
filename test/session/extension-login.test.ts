import { createServer as createPlainServer } from "node:http";
import { createServer } from "node:https";
import { type AddressInfo, connect, type Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { inspect } from "node:util";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { InvalidArgumentError } from "../../src/errors.ts";
import { Transport } from "../../src/net/transport.ts";
import { VimSoap, type VimSoapOptions } from "../../src/session/vim-soap.ts";
import { type Identity, makeAuthority, makeCertificate, makeSelfSigned } from "../helpers/certificates.ts";
import type { SoapReply } from "../helpers/soap-server.ts";
import { answer, session, vimFault } from "./vim-server.ts";

const KEY = "com.example.extension";
let authority: Identity;
let server: Identity;
let extension: Identity;

beforeAll(async () => {
  authority = await makeAuthority("CA");
  [server, extension] = await Promise.all([makeCertificate(authority, "vc"), makeSelfSigned("extension")]);
});

/** A vCenter that knows one extension by its certificate; the tunnel leads to it as port 80 of one does. */
async function startVCenter(apiType = "VirtualCenter", answered = session("returnval", "k", KEY)) {
  const operations: string[] = [];
  const cookies: (string | undefined)[] = [];
  const reply = (operation: string, body: string, certificate: string | undefined): SoapReply => {
    const call = { operation };
    switch (operation) {
      case "RetrieveServiceContent":
        return answer(
          call,
          `<returnval><propertyCollector type="PropertyCollector">p</propertyCollector><about><apiType>${apiType}</apiType></about><sessionManager type="SessionManager">SessionManager</sessionManager></returnval>`,
        );
      case "LoginExtensionByCertificate":
        if (certificate === undefined) return vimFault("NoClientCertificate", "no certificate");
        if (certificate !== extension.sha256 || !body.includes(`<extensionKey>${KEY}</extensionKey>`)) {
          return vimFault("InvalidLogin", "Cannot complete login");
        }
        return {
          ...answer(call, answered),
          headers: { "set-cookie": 'vmware_soap_session="by-certificate"; Path=/; HttpOnly; Secure' },
        };
      default:
        return answer(call, "");
    }
  };
  const listener = createServer(
    { cert: server.cert, key: server.key, requestCert: true, rejectUnauthorized: false },
    async (request, response) => {
      let body = "";
      for await (const piece of request) body += piece;
      const operation = /Body><(\w+)/.exec(body)?.[1] ?? "";
      operations.push(operation);
      cookies.push(request.headers.cookie);
      const certificate = (request.socket as TLSSocket).getPeerX509Certificate()?.fingerprint256;
      const { status = 200, headers, body: text } = reply(operation, body, certificate);
      response.writeHead(status, { "content-type": "text/xml", ...headers }).end(text);
    },
  );
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const { port } = listener.address() as AddressInfo;
  const sockets = new Set<Socket>();
  const proxy = createPlainServer().on("connect", (_request, socket: Socket) => {
    const upstream = connect(port, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      upstream.pipe(socket).pipe(upstream);
    });
    for (const each of [socket, upstream]) {
      sockets.add(each);
      each.on("error", () => undefined);
    }
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    listener.closeAllConnections();
    for (const socket of sockets) socket.destroy();
    listener.close();
    proxy.close();
  });
  const door = (options: VimSoapOptions = {}) => {
    const made = new VimSoap(`127.0.0.1:${port}`, {
      trust: { ca: authority.cert },
      retry: false,
      ...options,
    });
    onTestFinished(() => made.close());
    return made;
  };
  return { port, tunnelPort: (proxy.address() as AddressInfo).port, operations, cookies, door };
}

const certificate = () => ({ certificate: extension.cert, key: extension.key });

describe("the login of an extension", () => {
  test("is made through the tunnel, and its session used at the door", async () => {
    const { door, tunnelPort, operations, cookies } = await startVCenter();
    const vim = door();
    expect(await vim.loginExtensionByCertificate(KEY, { certificate: certificate(), tunnelPort })).toBe(
      "by-certificate",
    );
    expect([vim.sessionId, vim.owned]).toEqual(["by-certificate", true]);
    await vim.logout();
    expect(operations).toEqual(["RetrieveServiceContent", "LoginExtensionByCertificate", "Logout"]);
    expect(cookies).toEqual([undefined, undefined, 'vmware_soap_session="by-certificate"']);
  });

  test("can be made at the door itself", async () => {
    const { door } = await startVCenter();
    const options = { certificate: certificate(), tunnelPort: "direct" } as const;
    expect(await door().loginExtensionByCertificate(KEY, options)).toBe("by-certificate");
  });

  test("is refused for another certificate, and for another extension", async () => {
    const { door, tunnelPort } = await startVCenter();
    const other = { certificate: server.cert, key: server.key };
    const wrong = door().loginExtensionByCertificate(KEY, { certificate: other, tunnelPort });
    const refused = { code: "AUTHENTICATION_FAILED", hint: expect.stringContaining("registered") };
    await expect(wrong).rejects.toMatchObject(refused);
    const unknown = door().loginExtensionByCertificate("com.other", {
      certificate: certificate(),
      tunnelPort,
    });
    await expect(unknown).rejects.toMatchObject(refused);
  });

  test("does not trust what is at the other end of the tunnel more than the door", async () => {
    const { door, tunnelPort, operations } = await startVCenter();
    const vim = door({ trust: { ca: extension.cert } });
    const options = { certificate: certificate(), tunnelPort };
    await expect(vim.loginExtensionByCertificate(KEY, options)).rejects.toMatchObject({
      code: "TRUST_REFUSED",
    });
    expect(operations).toEqual([]);
  });

  test("is refused at a door whose transport alone knows whom to trust", async () => {
    const { door, port, operations } = await startVCenter();
    const transport = new Transport({ trust: { ca: authority.cert }, retry: false });
    onTestFinished(() => transport.close());
    const options = { certificate: certificate(), tunnelPort: "direct" } as const;
    const vim = new VimSoap(`127.0.0.1:${port}`, { transport });
    await expect(vim.loginExtensionByCertificate(KEY, options)).rejects.toBeInstanceOf(InvalidArgumentError);
    expect(operations).toEqual([]);
    expect(await door({ transport }).loginExtensionByCertificate(KEY, options)).toBe("by-certificate");
  });

  test("is undone when its answer cannot be read", async () => {
    const { door, operations, cookies } = await startVCenter("VirtualCenter", "");
    const vim = door();
    const options = { certificate: certificate(), tunnelPort: "direct" } as const;
    await expect(vim.loginExtensionByCertificate(KEY, options)).rejects.toMatchObject({
      code: "RESPONSE_UNEXPECTED",
    });
    expect(operations).toEqual(["RetrieveServiceContent", "LoginExtensionByCertificate", "Logout"]);
    expect(cookies.at(-1)).toBe('vmware_soap_session="by-certificate"');
    expect(vim.sessionId).toBeUndefined();
  });

  test("is there at a vCenter only", async () => {
    const { door, operations } = await startVCenter("HostAgent");
    const options = { certificate: certificate(), tunnelPort: "direct" } as const;
    await expect(door().loginExtensionByCertificate(KEY, options)).rejects.toMatchObject({
      code: "UNSUPPORTED",
      worksAt: "vim-soap",
    });
    expect(operations).toEqual(["RetrieveServiceContent"]);
  });

  test("is refused before anything is sent without a key of the extension or of the certificate", async () => {
    const { door, tunnelPort, operations } = await startVCenter();
    const options = { certificate: certificate(), tunnelPort };
    await expect(door().loginExtensionByCertificate(" ", options)).rejects.toBeInstanceOf(
      InvalidArgumentError,
    );
    const without = { certificate: { certificate: extension.cert, key: "" }, tunnelPort };
    const error: unknown = await door()
      .loginExtensionByCertificate(KEY, without)
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(InvalidArgumentError);
    expect(inspect(error)).not.toContain("-----BEGIN");
    expect(operations).toEqual([]);
  });
});
