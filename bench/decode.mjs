// Decoding a List answer: this package against the `soap` package alone, alternately in one process.
//   node bench/decode.mjs [registrations] [rounds]
// A decoder of another language joins with a further { name, mbPerSecond } in the results.
import { performance } from "node:perf_hooks";
import { fileURLToPath, pathToFileURL } from "node:url";
import { LOOKUP_SCHEMA } from "../dist/lookup/wsdl-tables.js";
import { decodeEnvelope } from "../dist/soap/decode.js";
import { listAnswer } from "./list-answer.mjs";
import { median } from "./median.mjs";

const WSDL = fileURLToPath(new URL("../wsdl/lookup-service.wsdl", import.meta.url));

function ours(text) {
  const answer = decodeEnvelope(text, LOOKUP_SCHEMA, "List");
  if (answer.kind !== "result" || answer.issues.length > 0)
    throw new Error("the answer was not read cleanly");
  return answer.value.length;
}

async function soapPackage() {
  const { default: soap } = await import("soap");
  const { wsdl } = await soap.createClientAsync(WSDL, { disableCache: true });
  return (text) => wsdl.xmlToObject(text).Body.ListResponse.returnval.length;
}

/** Speed of each decoder on the same answer, in megabytes (10^6) of XML per second. */
export async function benchDecode({ registrations = 5000, rounds = 9 } = {}) {
  const text = listAnswer(registrations);
  const megabytes = Buffer.byteLength(text) / 1e6;
  const decoders = [
    { name: "vsphere-sso", decode: ours },
    { name: "soap", decode: await soapPackage() },
  ].map((decoder) => ({ ...decoder, times: [] }));
  for (let round = -2; round < rounds; round++) {
    for (const { name, decode, times } of decoders) {
      const start = performance.now();
      const read = decode(text);
      const elapsed = performance.now() - start;
      if (read !== registrations) throw new Error(`${name} read ${read} of ${registrations} registrations`);
      if (round >= 0) times.push(elapsed);
    }
  }
  const results = decoders.map(({ name, times }) => ({
    name,
    mbPerSecond: megabytes / (median(times) / 1000),
  }));
  return { megabytes, registrations, results };
}

/** One line for each result, with its ratio to the first. */
export function formatResults({ megabytes, registrations, results }) {
  const [first] = results;
  return [
    `decode a List answer of ${registrations} registrations (${megabytes.toFixed(2)} MB)`,
    ...results.map(({ name, mbPerSecond }) => {
      const ratio = first.mbPerSecond / mbPerSecond;
      return `  ${name.padEnd(12)} ${mbPerSecond.toFixed(1).padStart(7)} MB/s   ${name === first.name ? "" : `${first.name} is ${ratio.toFixed(2)}x as fast`}`.trimEnd();
    }),
  ].join("\n");
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const [registrations, rounds] = process.argv.slice(2).map(Number);
  console.log(formatResults(await benchDecode({ registrations, rounds })));
}
