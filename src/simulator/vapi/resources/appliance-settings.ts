import { randomBytes, randomUUID, timingSafeEqual } from "node:crypto";
import { LoginRefused } from "../../sessions/login.ts";
import type { SessionUser } from "../../sessions/user.ts";
import { invalidArgument, notFound } from "../fault.ts";

export interface LogServer {
  readonly hostname: string;
  readonly port: number;
  readonly protocol: string;
}

interface Job {
  readonly id: string;
  readonly kind: "backup" | "restore";
  readonly startedAt: number;
  looks: number;
  endedAt: number | undefined;
}

const ROOT: SessionUser = {
  upn: "root",
  userName: "root",
  fullName: "root",
  administrator: true,
  solution: false,
};
const MAX_LOG_SERVERS = 3;
const LOOKS_UNTIL_DONE = 2;
/** Requests that find the services restarting after a restore began. */
const RESTART_REQUESTS = 2;

/** What the appliance of a node is set to, and the account that is its own. */
export class ApplianceSettings {
  readonly rootPassword: string = `Root1!${randomBytes(12).toString("base64url")}`;
  fips = false;
  #logServers: readonly LogServer[] = [];
  readonly #jobs = new Map<string, Job>();
  #restarting = 0;

  /** @throws LoginRefused for anybody but root with its password. */
  logIn(username: string, password: string): SessionUser {
    const [given, expected] = [Buffer.from(password), Buffer.from(this.rootPassword)];
    if (username !== "root" || given.length !== expected.length || !timingSafeEqual(given, expected)) {
      throw new LoginRefused("only root may log in, with its password");
    }
    return ROOT;
  }

  get logServers(): readonly LogServer[] {
    return this.#logServers;
  }

  /** @throws VapiFault for more than there may be. */
  set logServers(servers: readonly LogServer[]) {
    if (servers.length > MAX_LOG_SERVERS) {
      throw invalidArgument(`Logs are forwarded to at most ${MAX_LOG_SERVERS} servers.`);
    }
    this.#logServers = servers;
  }

  startJob(kind: Job["kind"], now: number): object {
    const job: Job = { id: randomUUID(), kind, startedAt: now, looks: 0, endedAt: undefined };
    this.#jobs.set(job.id, job);
    if (kind === "restore") this.#restarting = RESTART_REQUESTS;
    return jobInfo(job);
  }

  /** A job; it goes on whenever it is looked at. Without an ID the latest. */
  job(kind: Job["kind"], id: string | undefined, now: number): object {
    const jobs = [...this.#jobs.values()].filter((job) => job.kind === kind);
    const job = id === undefined ? jobs.at(-1) : jobs.find((each) => each.id === id);
    if (!job) throw notFound(`${kind} job`, id ?? "");
    job.looks += 1;
    if (job.looks > LOOKS_UNTIL_DONE) job.endedAt ??= now;
    return jobInfo(job);
  }

  jobIds(kind: Job["kind"]): readonly string[] {
    return [...this.#jobs.values()].filter((job) => job.kind === kind).map(({ id }) => id);
  }

  /** Whether the services are restarting; they are there again after some requests. */
  takeRestart(): boolean {
    if (this.#restarting === 0) return false;
    this.#restarting -= 1;
    return true;
  }
}

function jobInfo({ id, startedAt, looks, endedAt }: Job): object {
  return {
    id,
    state: endedAt === undefined ? "INPROGRESS" : "SUCCEEDED",
    messages: [],
    progress: endedAt === undefined ? Math.round((100 * looks) / (LOOKS_UNTIL_DONE + 1)) : 100,
    start_time: new Date(startedAt).toISOString(),
    ...(endedAt !== undefined && { end_time: new Date(endedAt).toISOString() }),
  };
}
