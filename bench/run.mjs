// `npm run bench`: every comparison, side by side in one run; only the ratios mean something.
import { writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { benchBroker, benchRuns, formatBroker } from "./broker.mjs";
import { benchCold, formatCold } from "./cold.mjs";
import { benchDecode, formatResults } from "./decode.mjs";
import { benchLinked, formatLinked } from "./linked.mjs";
import { listAnswer } from "./list-answer.mjs";
import { decodeWithGovmomi } from "./peers/govmomi.mjs";
import {
  benchGet,
  countExchanges,
  countLogins,
  formatExchanges,
  formatGet,
  formatLogins,
} from "./session.mjs";
import { benchSign, formatSign } from "./sign.mjs";
import { benchVerify, formatVerify } from "./verify.mjs";

for (const delayMs of [0, 50]) console.log(formatCold(await benchCold({ delayMs })));

const directory = await mkdtemp(join(tmpdir(), "vsso-bench-"));
try {
  const file = join(directory, "list-answer.xml");
  writeFileSync(file, listAnswer(5000));
  const report = await benchDecode({ registrations: 5000 });
  const govmomi = decodeWithGovmomi(file);
  report.results.push({
    name: govmomi.name,
    mbPerSecond: govmomi.mbPerSecond,
    milliseconds: govmomi.nsPerOp / 1e6,
  });
  console.log(formatResults(report));
} finally {
  await rm(directory, { recursive: true });
}

console.log(formatSign(await benchSign()));
console.log(formatVerify(await benchVerify()));
console.log(formatExchanges(await countExchanges()));
console.log(formatLogins(await countLogins()));
console.log(formatGet(await benchGet()));
for (const delayMs of [0, 50]) {
  console.log(formatBroker(await benchBroker({ delayMs })));
  console.log(formatBroker(await benchRuns({ delayMs })));
}
console.log(formatLinked(await benchLinked()));
