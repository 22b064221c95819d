import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { Transport } from "../../src/net/transport.ts";
import { startSimulator } from "../../src/simulator/index.ts";
import { createWsdlClient } from "../../src/soap/index.ts";
import { HeaderSecurity } from "../../src/sts/header.ts";
import { SOAP_ACTIONS } from "../../src/sts/names.ts";
import { challengeBody, issueBody, renewBody, validateBody } from "../../src/sts/request.ts";
import { attribute, child, children, parseXml, type XmlElement } from "../../src/xml/reader.ts";
import { assertionXml } from "./assertions.ts";
import { must, WST } from "./sts-server.ts";

const WSDL = "http://schemas.xmlsoap.org/wsdl/";
const SOAP = "http://schemas.xmlsoap.org/wsdl/soap/";
const XSD = "http://www.w3.org/2001/XMLSchema";
const FILE = new URL("../../wsdl/sts.wsdl", import.meta.url);
const definitions = parseXml(readFileSync(FILE, "utf8"));
const name = (element: XmlElement): string => attribute(element, "", "name") ?? "";

/** Types and elements of all schemas, by `namespace local`. */
const types = new Map<string, XmlElement>();
const elements = new Map<string, XmlElement>();

beforeAll(() => {
  for (const schema of children(must(child(definitions, WSDL, "types")), XSD, "schema")) {
    const namespace = attribute(schema, "", "targetNamespace");
    for (const each of schema.children) {
      if (each.local === "complexType") types.set(`${namespace} ${name(each)}`, each);
      if (each.local === "element") elements.set(`${namespace} ${name(each)}`, each);
    }
  }
});

/** A name with a prefix, as the WSDL's root binds it. */
function qualified(text: string): string {
  const [prefix = "", local] = text.split(":");
  const bound = new RegExp(`xmlns:${prefix}="([^"]+)"`).exec(readFileSync(FILE, "utf8"))?.[1];
  return `${bound} ${local}`;
}

/** What in an element the schema does not allow, as paths. */
function strays(element: XmlElement, path = element.local): string[] {
  const declaration = must(elements.get(`${element.namespace} ${element.local}`));
  return straysOf(element, attribute(declaration, "", "type") ?? "", path);
}

function straysOf(element: XmlElement, typeName: string, path: string): string[] {
  const type = types.get(qualified(typeName));
  if (!type) return element.children.map((each) => `${path}/${each.local}`);
  const all = [...descendants(type)];
  if (all.some((each) => each.local === "any")) return element.children.length === 1 ? [] : [path];
  const known = all.filter((each) => each.local === "attribute").map(name);
  const wrong = element.attributes
    .filter((each) => !known.includes(each.local))
    .map((each) => `${path}@${each.local}`);
  for (const found of element.children) {
    const local = all.find((each) => each.local === "element" && name(each) === found.local);
    const ref = all.find(
      (each) => qualified(attribute(each, "", "ref") ?? "") === `${found.namespace} ${found.local}`,
    );
    const below = `${path}/${found.local}`;
    if (ref) wrong.push(...strays(found, below));
    else if (local && qualified(typeName).startsWith(`${found.namespace} `)) {
      wrong.push(...straysOf(found, attribute(local, "", "type") ?? "", below));
    } else wrong.push(below);
  }
  return wrong;
}

function* descendants(element: XmlElement): Generator<XmlElement> {
  for (const each of element.children) {
    yield each;
    yield* descendants(each);
  }
}

describe("the WSDL", () => {
  test("has the operations and actions that are called", () => {
    const binding = must(child(definitions, WSDL, "binding"));
    const actions = children(binding, WSDL, "operation").map((each) => [
      name(each),
      attribute(must(child(each, SOAP, "operation")), "", "soapAction"),
    ]);
    expect(Object.fromEntries(actions)).toEqual(SOAP_ACTIONS);
  });

  test("allows everything that is ever sent, and nothing is sent twice", () => {
    const lifetime = { created: 0, expires: 1000 };
    const full = issueBody({
      context: "urn:c",
      lifetime,
      renewable: true,
      delegatable: true,
      actAs: assertionXml(),
      delegateTo: "d",
      keyType: "public",
      signatureAlgorithm: "rsa-sha512",
      useKey: "_s",
      audience: ["a", "b"],
      claims: ["c", "d"],
      binaryExchange: Buffer.from("leg"),
    });
    const bodies = [
      full,
      renewBody({ lifetime, assertion: assertionXml(), useKey: "_s" }),
      validateBody(assertionXml()),
      challengeBody("urn:c", Buffer.from("leg")),
      challengeBody("urn:c"),
    ].map(({ xml }) => parseXml(xml));
    expect(bodies.flatMap((body) => strays(body))).toEqual([]);
    expect(must(bodies[0]).children).toHaveLength(13);
    for (const { children: parts } of bodies) {
      expect(new Set(parts.map((each) => each.local)).size).toBe(parts.length);
    }
    // The check itself finds what is not allowed.
    const odd = full.xml.replace("<wst:UseKey", "<wst:Entropy></wst:Entropy><wst:UseKey Odd=''");
    expect(strays(parseXml(odd))).toEqual([
      "RequestSecurityToken/Entropy",
      "RequestSecurityToken/UseKey@Odd",
    ]);
  });

  test("has answers whose parts stand in one sequence, all optional, which strict clients can read", () => {
    const type = must(types.get(`${WST} RequestSecurityTokenResponseType`));
    const sequence = must(child(type, XSD, "sequence"));
    expect(new Set(sequence.children.map((each) => each.local))).toEqual(new Set(["element"]));
    expect(sequence.children.map((each) => attribute(each, "", "minOccurs"))).toEqual(
      sequence.children.map(() => "0"),
    );
    expect(sequence.children.map(name).slice(0, 4)).toEqual([
      "RequestedSecurityToken",
      "Lifetime",
      "Status",
      "TokenType",
    ]);
  });

  test("binds a general client, whose request the simulator grants", async () => {
    const simulator = await startSimulator({ nodes: 1 });
    onTestFinished(() => simulator.close());
    const transport = new Transport({ trust: { ca: simulator.ca } });
    onTestFinished(() => transport.close());
    const { username, password } = must(simulator.users[1]);
    const client = await createWsdlClient(FILE, {
      transport,
      endpoint: `${must(simulator.servers[0]).url}/sts/STSService/vsphere.local`,
      security: new HeaderSecurity(
        { username: { name: username, password } },
        { now: Date.now, lifetimeMs: 60_000 },
      ),
    });
    expect(client.operations).toEqual(["Issue", "Renew", "Validate", "Challenge"]);
    const answer = await client.call("Issue", {
      TokenType: "urn:oasis:names:tc:SAML:2.0:assertion",
      RequestType: `${WST}/Issue`,
      Renewing: { Allow: false, OK: false },
      KeyType: `${WST}/Bearer`,
    });
    expect(answer).toMatchObject({
      RequestSecurityTokenResponse: { TokenType: "urn:oasis:names:tc:SAML:2.0:assertion" },
    });
  });
});
