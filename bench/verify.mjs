// Reading and verifying the 7 KB assertion of a real vCenter, all checks on: by one call, which reads the anchor and
// builds the path anew, and by an AssertionVerifier that has seen the issuer's certificates, but keeps no assertion;
// against xml-crypto alone with the key at hand, alternately in one process, and against Java's XML signature with the
// key at hand. Then by a verifier that saw the assertion before; and reading one alone.
//   node bench/verify.mjs [rounds]
import { X509Certificate } from "node:crypto";
import { pathToFileURL } from "node:url";
import { DOMParser } from "@xmldom/xmldom";
import { SignedXml } from "xml-crypto";
import { AssertionVerifier, inspectAssertion, verifyAssertion } from "../dist/saml/index.js";
import { median } from "./median.mjs";
import { vcsimToken } from "./peers/govmomi.mjs";
import { verifyWithJava } from "./peers/java.mjs";

/** When the assertion was valid. */
const AT = new Date("2018-03-04T00:25:00Z");
const DS = "http://www.w3.org/2000/09/xmldsig#";

/** Rate of each, per second. */
export async function benchVerify({ rounds = 60, perRound = 10, assertion } = {}) {
  const token = assertion ?? (await vcsimToken());
  const [leaf, authority] = [...token.matchAll(/<ds:X509Certificate>([^<]+)/g)].map(
    ([, text]) => new X509Certificate(Buffer.from(text, "base64")),
  );
  const options = { anchors: authority.toString(), at: AT };
  const known = new AssertionVerifier({ anchors: authority.toString() });
  await known.verify(token, { at: AT });
  const issuerKnown = new AssertionVerifier({ anchors: authority.toString(), cacheSize: 0 });
  const contenders = [
    { name: "vsphere-sso", times: perRound, run: () => verifyAssertion(token, options) },
    { name: "issuer known", times: perRound, run: () => issuerKnown.verify(token, { at: AT }) },
    { name: "xml-crypto", times: perRound, run: () => withXmlCrypto(token, leaf.publicKey) },
    { name: "again", times: 1000 * perRound, run: () => known.verify(token, { at: AT }) },
    { name: "inspect", times: 20 * perRound, run: () => inspectAssertion(token) },
  ].map((contender) => ({ ...contender, measured: [] }));
  for (let round = -5; round < rounds; round++) {
    for (const { run, times, measured } of contenders) {
      const start = performance.now();
      for (let i = 0; i < times; i++) await run();
      if (round >= 0) measured.push((performance.now() - start) / times);
    }
  }
  const [, , xmlCrypto] = contenders;
  const java = verifyWithJava(token, leaf.toString());
  return {
    bytes: Buffer.byteLength(token),
    results: [
      ...contenders.map(({ name, measured }) => ({
        name,
        perSecond: 1000 / median(measured),
        // Of neighbours in time: the machine may be faster or slower later.
        toXmlCrypto: median(measured.map((time, i) => xmlCrypto.measured[i] / time)),
      })),
      { name: "Java", perSecond: java },
    ],
  };
}

function withXmlCrypto(token, key) {
  const root = new DOMParser().parseFromString(token, "text/xml").documentElement;
  const signature = new SignedXml({ publicCert: key });
  signature.loadSignature(root.getElementsByTagNameNS(DS, "Signature")[0]);
  if (!signature.checkSignature(token)) throw new Error("xml-crypto did not verify the assertion");
}

/** One line for each, with its ratio to xml-crypto's. */
export function formatVerify({ bytes, results }) {
  const labels = {
    "vsphere-sso": "vsphere-sso, one call alone",
    "issuer known": "vsphere-sso, a verifier",
    "xml-crypto": "xml-crypto, signature only",
    again: "vsphere-sso, verified before",
    inspect: "vsphere-sso, inspect alone",
    Java: "Java, signature only",
  };
  const [first, , xmlCrypto] = results;
  const lines = results.map(({ name, perSecond, toXmlCrypto = perSecond / xmlCrypto.perSecond }) => {
    const note = name === "xml-crypto" ? "" : `   ${toXmlCrypto.toFixed(2)}x xml-crypto`;
    return `  ${labels[name].padEnd(30)} ${perSecond.toFixed(0).padStart(8)} /s${note}`;
  });
  const again = results.find(({ name }) => name === "again").toXmlCrypto / first.toXmlCrypto;
  return [
    `verify an assertion of ${(bytes / 1000).toFixed(1)} KB`,
    ...lines,
    `  verified before: ${again.toFixed(0)}x one call alone`,
  ].join("\n");
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  console.log(formatVerify(await benchVerify({ rounds: Number(process.argv[2] ?? 60) })));
}
