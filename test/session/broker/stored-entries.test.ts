import { chmod, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { accountName, userPrincipalName } from "../../../src/session/broker/identity.ts";
import { FileStore, type LockOptions, type StoreLock, VCenter } from "../../../src/session/index.ts";
import { thrownBy } from "../doors.ts";
import { callBoth, type Lab, lab, SharedMemory, sessionKeys } from "./lab.ts";

async function fileStore() {
  const base = await mkdtemp(join(tmpdir(), "vsso-broker-"));
  onTestFinished(() => rm(base, { recursive: true, force: true }));
  const folder = join(base, "sessions");
  const store = new FileStore({ folder });
  onTestFinished(() => store.close());
  /** Files that hold sessions. */
  const files = async () =>
    (await readdir(folder))
      .filter((name) => /^[0-9a-f]{64}\.json$/.test(name))
      .map((name) => join(folder, name));
  return { store, files };
}

const netbios = ({ credential }: Lab): string => credential.username.replace(/^(.*)@(.*)$/, "$2\\$1");

describe("entries of which one cannot be read", () => {
  test("are listed and ended but for that one, which is told by whoever might mean it", async () => {
    const [one, two] = [await lab(), await lab()];
    const { store, files } = await fileStore();
    const warnings: string[] = [];
    const broker = one.broker({ store, logout: "never", onWarning: (message) => warnings.push(message) });
    await broker.use(one.url, one.connect, async () => undefined);
    const [open = ""] = await files();
    await broker.use(two.url, two.connect, async () => undefined);
    await chmod(open, 0o644);
    expect((await broker.list()).map(({ server }) => server)).toEqual([two.host]);
    expect(await broker.find(one.url)).toEqual([]);
    expect(warnings.join()).toContain(open);
    // By the name of the user it is known that the file holds none of the other server.
    const trust = { ca: two.simulator.ca };
    const ended = await broker.logout(two.url, { trust, principal: two.credential.username });
    expect(ended).toHaveLength(1);
    expect(two.simulator.sessions).toEqual([]);
    const error = await thrownBy(
      broker.logout(one.url, { trust: { ca: one.simulator.ca }, principal: one.credential.username }),
    );
    expect(error).toMatchObject({ code: "STORE_UNAVAILABLE" });
    expect(await thrownBy(broker.logout(one.url, { trust }))).toMatchObject({ code: "STORE_UNAVAILABLE" });
  });

  test("are not taken for none by a logout with the wrong key", async () => {
    const { simulator, url, connect, broker } = await lab();
    const store = new SharedMemory();
    const options = { store, logout: "never" as const };
    await broker({ ...options, encryptionKey: "one" }).use(url, connect, async () => undefined);
    for (const other of [{ encryptionKey: "two" }, {}]) {
      const error = await thrownBy(
        broker({ ...options, ...other }).logout(url, { trust: { ca: simulator.ca } }),
      );
      expect(error).toMatchObject({ code: "STORE_UNREADABLE", hint: expect.stringContaining("key") });
    }
    expect(simulator.sessions).toHaveLength(1);
    const trust = { ca: simulator.ca };
    expect(await broker({ ...options, encryptionKey: "one" }).logout(url, { trust })).toHaveLength(1);
    expect(simulator.sessions).toEqual([]);
  });

  test.each(["", "{", '{"version":1}', '{"version":1,"expires":null,"value":"{}"}'])(
    "as a damaged file (%j), are replaced by a login",
    async (text) => {
      const { simulator, url, connect, broker, logins } = await lab();
      const { store, files } = await fileStore();
      const warnings: string[] = [];
      const one = broker({ store, logout: "never", onWarning: (message) => warnings.push(message) });
      await one.use(url, connect, async () => undefined);
      const [file = ""] = await files();
      await writeFile(file, text);
      const trust = { ca: simulator.ca };
      expect(await thrownBy(one.logout(url, { trust }))).toMatchObject({ code: "STORE_UNREADABLE" });
      await one.use(url, connect, async () => undefined);
      expect(logins()).toBe(2);
      expect(warnings.length).toBeGreaterThan(0);
      for (const warning of warnings) expect(warning).toContain(`${file} is damaged`);
      expect(await one.logout(url, { trust })).toHaveLength(1);
    },
  );

  test("as a file of a newer version, are left alone", async () => {
    const { url, connect, broker, logins } = await lab();
    const { store, files } = await fileStore();
    const one = broker({ store, logout: "never" });
    await one.use(url, connect, async () => undefined);
    const [file = ""] = await files();
    await writeFile(file, '{"version":2,"expires":null,"value":"x"}');
    expect(await thrownBy(one.acquire(url, connect))).toMatchObject({ code: "STORE_UNREADABLE" });
    expect(logins()).toBe(1);
  });
});

test("what was told of an account without the key of encryption hinders nobody who has one", async () => {
  const { url, connect, broker, logins } = await lab();
  const store = new SharedMemory();
  for (const more of [{}, { encryptionKey: "one" }, { encryptionKey: "two" }]) {
    await broker({ store, ...more }).use(url, connect, async () => undefined);
  }
  expect(logins()).toBe(3);
});

describe("names of one account", () => {
  test("are one text in all spellings", () => {
    expect(userPrincipalName("VSPHERE.LOCAL\\Administrator")).toBe("Administrator@VSPHERE.LOCAL");
    const spellings = [
      "VSPHERE.LOCAL\\Administrator",
      " administrator@vsphere.local ",
      "Administrator@Vsphere.Local",
    ];
    expect(new Set(spellings.map(accountName)).size).toBe(1);
    for (const other of ["administrator", "a\\b\\c", "a\\b@c", "\\a", "a\\"]) {
      expect(userPrincipalName(other)).toBe(other);
    }
  });

  test("share one session, and find it", async () => {
    const one = await lab();
    const broker = one.broker({ store: new SharedMemory() });
    const lease = await broker.acquire(one.url, one.connect);
    const username = netbios(one);
    const other = await broker.acquire(one.url, {
      ...one.connect,
      credential: { ...one.credential, username },
    });
    await callBoth(other);
    expect(one.logins()).toBe(1);
    expect(await broker.find(one.url, username)).toHaveLength(1);
    await lease.vc.relogin({ credential: { ...one.credential, username } });
  });
});

describe("a session that is imported", () => {
  test("without a name is found by who logs in with the user's", async () => {
    const { simulator, url, connect, broker, credential, logins } = await lab();
    const vc = await VCenter.connect(url, { ...connect, credential });
    const sessionId = vc.session.id ?? "";
    vc.handOver();
    const one = broker({ store: new SharedMemory() });
    const stored = await one.import(url, { sessionId }, { trust: { ca: simulator.ca } });
    expect(stored.principal.toLowerCase()).toBe(credential.username.toLowerCase());
    await one.use(url, connect, (given) => given.vapi.get("/api/vcenter/vm"));
    expect(logins()).toBe(1);
    expect(simulator.sessions).toHaveLength(1);
  });

  test.each([undefined, "job-1"])(
    "though it is stored already is stored once, and not ended by who holds it (principal %s)",
    async (principal) => {
      const { simulator, url, connect, broker } = await lab();
      const store = new SharedMemory();
      const one = broker({ store });
      const lease = await one.acquire(url, { ...connect, ...(principal && { principal }) });
      await callBoth(lease);
      const sessionId = lease.vc.session.id ?? "";
      const trust = { ca: simulator.ca };
      const stored = await one.import(url, { sessionId }, { trust });
      expect(stored).toMatchObject({ imported: true });
      expect(await sessionKeys(store)).toEqual([stored.key]);
      await lease.release();
      expect(simulator.sessions).toHaveLength(1);
      expect(await one.logout(url, { trust })).toHaveLength(1);
      expect(simulator.sessions).toEqual([]);
    },
  );

  test("by another name than it is stored by is ended by neither holder", async () => {
    const { simulator, url, connect, broker } = await lab();
    const store = new SharedMemory();
    const one = broker({ store });
    const lease = await one.acquire(url, connect);
    await callBoth(lease);
    const sessionId = lease.vc.session.id ?? "";
    const trust = { ca: simulator.ca };
    await one.import(url, { sessionId }, { trust, principal: "nightly" });
    expect((await one.list()).map(({ imported }) => imported)).toEqual([true, true]);
    await lease.release();
    expect(simulator.sessions).toHaveLength(1);
    await one.logout(url, { trust });
    expect(simulator.sessions).toEqual([]);
  });
});

/** Has an entry ended when its lock is asked for the next time, as by another process. */
class EndsMeanwhile extends SharedMemory {
  ending: string | undefined;

  override async lock(key: string, options?: LockOptions): Promise<StoreLock> {
    if (key === this.ending) {
      this.ending = undefined;
      const lock = await super.lock(key);
      await lock.remove();
      await lock.release();
    }
    return super.lock(key, options);
  }
}

describe("a session that is stored", () => {
  test("by a name whose entry ends while it is imported, is kept by its user's", async () => {
    const { simulator, url, connect, broker, credential } = await lab();
    const store = new EndsMeanwhile();
    const one = broker({ store, logout: "never" });
    const lease = await one.acquire(url, { ...connect, principal: "job-1" });
    const sessionId = lease.vc.session.id ?? "";
    const [job] = await sessionKeys(store);
    store.ending = job;
    const stored = await one.import(url, { sessionId }, { trust: { ca: simulator.ca } });
    expect(store.ending).toBeUndefined();
    expect(stored.key).not.toBe(job);
    expect(await one.find(url, credential.username)).toHaveLength(1);
  });

  test("and was replaced by relogin(), is told by the logout that ends it", async () => {
    const { simulator, url, connect, broker, credential } = await lab();
    const vc = await VCenter.connect(url, { ...connect, credential });
    const sessionId = vc.session.id ?? "";
    vc.handOver();
    const one = broker({ store: new SharedMemory() });
    const trust = { ca: simulator.ca };
    await one.import(url, { sessionId }, { trust });
    const lease = await one.acquire(url, connect);
    await lease.vc.relogin();
    await lease.release();
    expect(simulator.sessions).toHaveLength(1);
    expect(await one.list()).toEqual([]);
    const ended = await one.logout(url, { trust });
    expect(ended.map(({ vapi, imported }) => ({ vapi, imported }))).toEqual([
      { vapi: sessionId, imported: true },
    ]);
    expect(simulator.sessions).toEqual([]);
  });
});

describe("a broker that is closed", () => {
  test("gives up at once what waits for another process", async () => {
    const { url, connect, broker, logins } = await lab();
    const store = new SharedMemory();
    await broker({ store, logout: "never" }).use(url, connect, async () => undefined);
    const [key = ""] = await sessionKeys(store);
    const lock = await store.lock(key);
    const one = broker({ store });
    let failed = false;
    const acquiring = thrownBy(one.acquire(url, connect)).finally(() => {
      failed = true;
    });
    await one.close();
    expect(failed).toBe(true);
    expect(await acquiring).toMatchObject({ code: "ABORTED", message: "The broker is closed" });
    await lock.release();
    expect(logins()).toBe(1);
  });
});
