// Building and signing a holder-of-key request against the RSA-2048 signature in it alone, alternately in one
// process.
//   node bench/sign.mjs [rounds]
import { createPrivateKey, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { HeaderSecurity, newId } from "../dist/sts/header.js";
import { issueBody } from "../dist/sts/request.js";
import { toSigner } from "../dist/xml/signer.js";
import { median } from "./median.mjs";
import { startSimulator } from "./peers/simulator.mjs";

/** Few, so that a busy moment of the machine meets both. */
const PER_ROUND = 25;

/** Signatures per second of each. */
export async function benchSign({ rounds = 200 } = {}) {
  const simulator = await startSimulator();
  try {
    const [{ certFile, keyFile }] = simulator.solutionUsers;
    const signer = toSigner({ certificate: readFileSync(certFile), key: readFileSync(keyFile) });
    const key = createPrivateKey(readFileSync(keyFile));
    const message = await request(signer);
    // As many bytes as the signature of the request is over.
    const signedInfo = Buffer.from(/<ds:SignedInfo>.*<\/ds:SignedInfo>/.exec(message)[0]);
    const contenders = [
      { name: "vsphere-sso", run: () => request(signer), times: [] },
      { name: "crypto.sign", run: () => sign("sha256", signedInfo, key), times: [] },
    ];
    for (let round = -100; round < rounds; round++) {
      for (const { run, times } of contenders) {
        const start = performance.now();
        for (let i = 0; i < PER_ROUND; i++) await run();
        if (round >= 0) times.push((performance.now() - start) / PER_ROUND);
      }
    }
    const [ours, bare] = contenders;
    return {
      bytes: message.length,
      // Of neighbours in time: the machine may be faster or slower later.
      share: median(ours.times.map((time, i) => bare.times[i] / time)),
      results: contenders.map(({ name, times }) => ({ name, perSecond: 1000 / median(times) })),
    };
  } finally {
    await simulator.stop();
  }
}

/** The request of a solution user for a token: all that `SecurityTokenService` puts on the wire. */
function request(signer) {
  const now = Date.now();
  const id = newId();
  const { xml, canonical } = issueBody({
    lifetime: { created: now, expires: now + 3_600_000 },
    renewable: true,
    delegatable: true,
    keyType: "public",
    signatureAlgorithm: "rsa-sha256",
    useKey: id,
    audience: [],
    claims: [],
  });
  const security = new HeaderSecurity(
    { signature: { signer, keyReference: "certificate", id }, canonicalBody: canonical },
    { now: Date.now, lifetimeMs: 300_000 },
  );
  return security.secure({ bodyXml: xml, headerXml: "" });
}

/** One line for each, and what part of the bare rate ours reaches. */
export function formatSign({ bytes, share, results }) {
  return [
    `build and sign a holder-of-key request (${(bytes / 1000).toFixed(1)} KB, RSA-2048)`,
    ...results.map(({ name, perSecond }) => `  ${name.padEnd(12)} ${perSecond.toFixed(0).padStart(7)} /s`),
    `  ours reaches ${(100 * share).toFixed(1)} % of the bare signature's rate`,
  ].join("\n");
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  console.log(formatSign(await benchSign({ rounds: Number(process.argv[2] ?? 200) })));
}
