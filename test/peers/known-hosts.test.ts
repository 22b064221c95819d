import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Running } from "./process.ts";
import { govc, serverOf, startVcsim, type VcsimReady, vsso } from "./programs.ts";

describe("a known hosts file shared with govc", () => {
  let group: Running<VcsimReady>;
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "vsso-peers-"));
    group = await startVcsim("-linked", "2");
  });
  afterAll(async () => {
    await group?.stop();
    await rm(dir, { recursive: true });
  });

  /** `govc about` without any CA, so that only the known hosts file can make it trust. */
  const govcAbout = (file: string) => {
    const { url } = serverOf(group);
    return govc({ url, caFile: "" }, ["about"], { GOVC_TLS_KNOWN_HOSTS: file });
  };

  it("is trusted by govc when we wrote it", async () => {
    const file = join(dir, "ours");
    const { authority } = serverOf(group);
    expect(await vsso("trust", authority, "--write", "--known-hosts", file)).toMatchObject({ code: 0 });
    expect(await govcAbout(file)).toMatchObject({ code: 0, stderr: "" });
    expect(await govcAbout(join(dir, "none"))).toMatchObject({ code: 1 });
  });

  it("is trusted by us when govc wrote it", async () => {
    const file = join(dir, "theirs");
    const { url, authority } = serverOf(group);
    const line = await govc({ url, caFile: "" }, ["about.cert", "-k", "-thumbprint"]);
    expect(line).toMatchObject({ code: 0, stdout: expect.stringMatching(/^127\.0\.0\.1:\d+ [0-9A-F:]+\n$/) });
    await writeFile(file, line.stdout);
    expect(await vsso("discover", authority, "--known-hosts", file)).toMatchObject({ code: 0 });
  });

  it("keeps govc's other lines when we write to it", async () => {
    const file = join(dir, "both");
    const [first, second] = [serverOf(group, 0), serverOf(group, 1)];
    const line = await govc({ url: second.url, caFile: "" }, ["about.cert", "-k", "-thumbprint"]);
    await writeFile(file, line.stdout);
    expect(await vsso("trust", first.authority, "--write", "--known-hosts", file)).toMatchObject({ code: 0 });
    expect(await readFile(file, "utf8")).toContain(line.stdout);
    expect(await govcAbout(file)).toMatchObject({ code: 0 });
  });

  it("is refused by both when the server presents another certificate", async () => {
    const file = join(dir, "stale");
    const [first, second] = [serverOf(group, 0), serverOf(group, 1)];
    const line = await govc({ url: second.url, caFile: "" }, ["about.cert", "-k", "-thumbprint"]);
    await writeFile(file, line.stdout.replace(second.authority, first.authority));
    expect(await govcAbout(file)).toMatchObject({ code: 1, stdout: "" });
    // A known thumbprint that differs is a refusal even where the CA would be trusted.
    const refused = await vsso("discover", first.authority, "--known-hosts", file, "--ca", first.caFile);
    expect(refused).toMatchObject({ code: 4, stdout: "" });
    expect(refused.stderr).toContain("error[TRUST_REFUSED]");
  });
});
