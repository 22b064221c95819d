import { describe, expect, test } from "vitest";
import { InvalidArgumentError } from "../../src/errors.ts";
import {
  SESSION_CARRIERS,
  type SessionService,
  securityContext,
  sessionHeaders,
} from "../../src/session/carrier.ts";

const ID = "4f1e-&<x>";

describe("a session is carried", () => {
  test.each([
    ["vim", "/sdk", "urn:vim25", { cookie: `vmware_soap_session="${ID}"` }, []],
    ["vim-json", "/sdk/vim25", null, { "vmware-api-session-id": ID }, []],
    ["vapi-rest", "/api", null, { "vmware-api-session-id": ID }, []],
    ["vapi-jsonrpc", "/api", null, { "vmware-api-session-id": ID }, []],
    ["pbm", "/pbm", "urn:pbm", {}, ["<vcSessionCookie>4f1e-&amp;&lt;x&gt;</vcSessionCookie>"]],
    ["sms", "/sms/sdk", "urn:sms", {}, ["<vcSessionCookie>4f1e-&amp;&lt;x&gt;</vcSessionCookie>"]],
    ["vslm", "/vslm/sdk", "urn:vslm", {}, ["<vcSessionCookie>4f1e-&amp;&lt;x&gt;</vcSessionCookie>"]],
    ["eam", "/eam/sdk", "urn:eam", { cookie: `vmware_soap_session="${ID}"` }, []],
    ["vsan", "/vsanHealth", "urn:vsan", { cookie: `vmware_soap_session="${ID}"` }, []],
  ] as const)("to %s at %s as that service wants it", (service, path, namespace, headers, soapHeaders) => {
    expect(SESSION_CARRIERS[service]).toMatchObject({ path, namespace });
    expect(sessionHeaders(service, ID)).toEqual({ headers, soapHeaders });
  });

  test("for every service of the map", () => {
    for (const service of Object.keys(SESSION_CARRIERS) as SessionService[]) {
      const { headers, soapHeaders } = sessionHeaders(service, "x");
      expect(Object.keys(headers).length + soapHeaders.length).toBe(1);
    }
  });

  test.each(["", "a\nb", "a\r\nset-cookie: x", "\u0000", "☃"])("by no ID that cannot be sent: %j", (id) => {
    for (const service of ["vim", "vapi-rest", "pbm"] as const) {
      expect(() => sessionHeaders(service, id)).toThrow(InvalidArgumentError);
    }
    expect(() => securityContext(id)).toThrow(InvalidArgumentError);
  });

  test("within the envelope of JSON-RPC as securityCtx", () => {
    expect(securityContext("x")).toEqual({
      schemeId: "com.vmware.vapi.std.security.session_id",
      sessionId: "x",
    });
  });
});
