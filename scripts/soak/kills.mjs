// kill -9 at random moments of runs that log in, or out. What may be left behind is a session whose ID nobody had
// written down yet: at most one for each kill between the server's answer and the store's write. Those kills are
// counted by what the server's log says of logins and what the runs told on descriptor 3 before they died; the orphans
// by what is alive at the server and not in the store.
import { mkdir } from "node:fs/promises";
import { request } from "node:https";
import { join } from "node:path";
import { FileStore, SessionBroker } from "../../dist/index.js";
import { runVsso, startVsso, vssoEnvironment } from "./vsso.mjs";

const CALL = ["api", "GET", "/api/vcenter/vm", "--persist"];
const LOGOUT = ["session", "logout"];
/** Every so many kills meet a logout, and as many a run that finds its session ended by the server. */
const TURN = 5;

export async function kills({ figures, simulators, folder, count, aimed }) {
  figures.title(
    `kill -9 at random moments of ${count} runs, and at the answer to the login of ${aimed} more`,
  );
  const home = join(folder, "kills");
  await mkdir(home);
  const group = await simulators.start({ nodes: 1 });
  const env = vssoEnvironment(group, home);
  const store = new FileStore({ folder: join(home, "state", "vsphere-sso", "sessions") });
  const broker = new SessionBroker({ store, logout: "never", keepAlive: false });
  const [url] = group.urls;
  const trust = { ca: group.ca };
  const tally = { runs: 0, killed: 0, stored: 0, answered: 0, failed: 0, nextFailed: 0 };
  /** Kills between the server's answer and the store's write; and logins without either a store or a kill. */
  const lost = { random: 0, aimed: 0, unexplained: 0 };
  const unstored = async () => (await group.logins()) - tally.stored;
  try {
    const logOut = () => broker.logout(url, { trust });
    const duration = await typicalDuration(env, logOut, tally);
    lost.unexplained += await unstored();
    for (let i = 0; i < count + aimed; i++) {
      const isAimed = i >= count;
      const kind = isAimed ? 0 : i % TURN;
      const args = kind === TURN - 1 ? LOGOUT : CALL;
      if (kind === TURN - 2) await endAtServer(broker, url, group.ca);
      else if (args === CALL) await logOut();
      const before = await unstored();
      const run = isAimed
        ? await killedAtLogin(args, env)
        : await killedAfter(Math.random() * duration, args, env);
      tallyUp(run, tally);
      const next = await startVsso(CALL, env).ended;
      tallyUp(next, tally);
      // The server has long dealt with what the killed run sent: one login of it may be in no store.
      const gone = (await unstored()) - before;
      const byKill = Math.min(gone, run.signal === "SIGKILL" ? 1 : 0);
      lost[isAimed ? "aimed" : "random"] += byKill;
      lost.unexplained += gone - byKill;
      if (next.code === 0) continue;
      tally.nextFailed++;
      console.log(`  the run after a kill ended with ${next.code ?? next.signal}: ${next.stderr}`);
    }
    const kept = (await broker.find(url)).length;
    const orphans = (await group.alive()) - kept;
    const inWindow = lost.random + lost.aimed;
    figures.note("runs, and those that were killed", `${tally.runs}, ${tally.killed}`);
    figures.note("logins that the server granted", await group.logins());
    figures.bound(
      "kills between the answer and the write",
      inWindow,
      "at least 1, or nothing is shown",
      inWindow > 0,
    );
    figures.note("  of them at a random moment", lost.random);
    figures.note("  of them after the run had read the answer", tally.answered);
    figures.equal("logins that neither a store nor a kill explains", lost.unexplained, 0);
    figures.atMost("orphaned sessions", orphans, inWindow);
    figures.equal("runs that failed and were not killed", tally.failed, 0);
    figures.equal("runs after a kill that did not work", tally.nextFailed, 0);
    figures.equal("sessions in the store", kept, 1);
    const { stdout } = await runVsso(["session", "list", "--server-side", "-o", "json"], env);
    const found = JSON.parse(stdout).sessions.filter(({ stored }) => stored === false);
    figures.equal("orphans that `session list --server-side` finds", found.length, orphans);
    for (const { key } of found) await runVsso(["session", "rm", key], env);
    await runVsso(LOGOUT, env);
    figures.equal("sessions alive after `session rm` and `session logout`", await group.alive(), 0);
  } finally {
    await broker.close();
    await group.close();
  }
}

/** Milliseconds of a run that logs in. */
async function typicalDuration(env, logOut, tally) {
  const times = [];
  for (let i = 0; i < 5; i++) {
    await logOut();
    const run = await runVsso(CALL, env);
    tallyUp(run, tally);
    times.push(run.milliseconds);
  }
  return times.sort((a, b) => a - b)[2];
}

async function killedAfter(milliseconds, args, env) {
  const { child, ended } = startVsso(args, env);
  const timer = setTimeout(() => child.kill("SIGKILL"), milliseconds);
  const run = await ended;
  clearTimeout(timer);
  return run;
}

async function killedAtLogin(args, env) {
  const onPhase = (phase, child) => {
    if (isLogin(phase)) child.kill("SIGKILL");
  };
  return await startVsso(args, env, { onPhase }).ended;
}

function tallyUp(run, tally) {
  tally.runs++;
  const login = run.phases.findIndex(isLogin);
  const isStored = run.phases.includes("store", login);
  if (login >= 0 && isStored) tally.stored++;
  if (run.signal === "SIGKILL") {
    tally.killed++;
    if (login >= 0 && !isStored) tally.answered++;
  } else if (run.code !== 0) {
    tally.failed++;
    console.log(`  a run that was not killed ended with ${run.code}: ${run.stderr}`);
  }
}

function isLogin(phase) {
  return phase === "login" || phase === "relogin";
}

/** Ends the session that is stored, and leaves it in the store, as the server does when a session has idled. */
async function endAtServer(broker, url, ca) {
  for (const { vapi } of await broker.find(url)) {
    await new Promise((resolve, reject) => {
      const headers = { "vmware-api-session-id": vapi };
      request(new URL("/api/session", url), { method: "DELETE", ca, headers, agent: false })
        .once("response", (response) => response.resume().once("end", resolve))
        .once("error", reject)
        .end();
    });
  }
}
