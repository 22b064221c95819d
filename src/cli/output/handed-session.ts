import type { VCenter } from "../../index.ts";
import { UnsupportedError } from "../../index.ts";
import { type HandedSession, sessionVariables, shortServer } from "../session-environment.ts";
import { formatJson } from "./json.ts";
import { shellWord } from "./shell.ts";
import { formatTable } from "./table.ts";
import { printable } from "./text.ts";

/** A session that is about to be handed over. */
export interface SessionToHand extends HandedSession {
  readonly shared: boolean | null;
}

/** What is handed over of a session. */
export function sessionToHand({ server, session: { vapi, vim, shared } }: VCenter): SessionToHand {
  return {
    server: shortServer(server),
    shared: shared ?? null,
    vapi: vapi?.id ?? null,
    vim: vim?.id ?? null,
  };
}

/** The fields of `session login -o json`. */
export function handedFields({ server, shared, vapi, vim }: SessionToHand): object {
  return { server, shared, vapi: idField(vapi), vim: idField(vim) };
}

function idField(id: string | null): { readonly id: string } | null {
  return id === null ? null : { id };
}

/**
 * A session as `session login` prints it.
 *
 * @param ticket What is printed of it in the place of its IDs, or beside them in JSON.
 * @throws UnsupportedError for `-o id` of a session that is of the VIM side alone.
 */
export function formatHanded(
  format: string | undefined,
  session: SessionToHand,
  ticket: string | undefined,
): string {
  switch (format) {
    case "json":
      return formatJson({ ...handedFields(session), ...(ticket !== undefined && { ticket }) });
    case "id":
      return `${requireVapi(session)}\n`;
    case "env":
      return Object.entries(sessionVariables(session))
        .map(([name, value]) => `export ${name}=${value === "" ? "" : shellWord(value)}\n`)
        .join("");
    default:
      if (ticket !== undefined) return `${ticket}\n`;
      return formatTable(["SIDE", "SERVER", "SESSION ID", "SHARED"], sideRows(session));
  }
}

/** Sessions of several nodes in one table. */
export function formatHandedNodes(
  nodes: readonly { readonly instanceName: string; readonly session: SessionToHand }[],
  columns: number | undefined,
): string {
  const rows = nodes.flatMap(({ instanceName, session }) =>
    sideRows(session).map((row) => [printable(instanceName), ...row]),
  );
  return formatTable(["NODE", "SIDE", "SERVER", "SESSION ID", "SHARED"], rows, columns);
}

function sideRows({ vapi, vim, server, shared }: SessionToHand): string[][] {
  const sides = shared === null ? "" : shared ? "yes" : "no";
  return [
    ["vapi", server, vapi ?? "-", sides],
    ["vim", server, vim ?? "-", sides],
  ].map((row) => row.map(printable));
}

function requireVapi({ server, vapi }: HandedSession): string {
  if (vapi !== null) return vapi;
  throw new UnsupportedError(`the session at ${server} is of the VIM side alone: it has no vAPI ID`, {
    worksAt: "vim-soap",
    hint: "print it by -o json or -o env",
  });
}
