import { randomUUID } from "node:crypto";
import { invalidArgument, notAllowed, notFound } from "../fault.ts";
import { isObject } from "../json.ts";
import { type Input, textField } from "../operation.ts";

interface Item {
  readonly id: string;
  readonly library_id: string;
  readonly name: string;
  readonly description: string;
  readonly type: string;
  version: number;
}

interface LibraryFile {
  readonly name: string;
  readonly source_type: string;
  readonly source_endpoint?: object;
}

type SessionState = "ACTIVE" | "DONE" | "CANCELED" | "ERROR";

interface UpdateSession {
  readonly id: string;
  readonly item: Item;
  readonly files: Map<string, LibraryFile>;
  readonly expiresAt: number;
  state: SessionState;
  completed: boolean;
  error: string | undefined;
}

const SESSION_MS = 3_600_000;
const SOURCES: readonly string[] = ["NONE", "PUSH", "PULL"];

/** The one content library of a node: items, and the sessions that bring files into them. */
export class ContentLibrary {
  readonly id: string = randomUUID();
  readonly #items = new Map<string, Item>();
  readonly #sessions = new Map<string, UpdateSession>();
  /** What was created, by operation and client token: the same call again comes to the same. */
  readonly #created = new Map<string, string>();

  describe(id: string): object {
    if (id !== this.id) throw notFound("library", id);
    return { id, name: "Library-01", type: "LOCAL", description: "", version: "1" };
  }

  createItem(input: Input): string {
    const library = textField(input, "library_id");
    this.describe(library);
    return this.#once("item", input, () => {
      const name = textField(input, "name");
      if (name === "") throw invalidArgument("The item has no name.");
      const id = randomUUID();
      this.#items.set(id, {
        id,
        library_id: library,
        name,
        description: textField(input, "description"),
        type: textField(input, "type"),
        version: 1,
      });
      return id;
    });
  }

  itemIds(library: string): readonly string[] {
    this.describe(library);
    return [...this.#items.keys()];
  }

  item(id: string): object {
    const { version, ...item } = this.#item(id);
    return { ...item, version: String(version), content_version: String(version), cached: true, size: 0 };
  }

  deleteItem(id: string): void {
    this.#item(id);
    this.#items.delete(id);
    for (const sessionId of this.sessionIds(id)) this.#dropSession(sessionId);
    this.#forget(id);
  }

  /** IDs of sessions hold two parts. */
  startSession(input: Input, now: number): string {
    const item = this.#item(textField(input, "library_item_id"));
    return this.#once("session", input, () => {
      const id = `${randomUUID()}:${randomUUID()}`;
      this.#sessions.set(id, {
        id,
        item,
        files: new Map(),
        expiresAt: now + SESSION_MS,
        state: "ACTIVE",
        completed: false,
        error: undefined,
      });
      return id;
    });
  }

  /** How far a session is: at 1 % until the client says that it is complete, and at the next look it is done. */
  session(id: string): object {
    const session = this.#session(id);
    const { item, expiresAt, error, completed } = session;
    const before = session.state;
    if (completed && before === "ACTIVE") {
      session.state = "DONE";
      item.version += 1;
    }
    return {
      id,
      library_item_id: item.id,
      library_item_content_version: String(item.version),
      state: before,
      client_progress: before === "DONE" ? 100 : completed ? 50 : 1,
      expiration_time: new Date(expiresAt).toISOString(),
      ...(error !== undefined && {
        error_message: { id: "com.vmware.vdcs", default_message: error, args: [] },
      }),
    };
  }

  sessionIds(item: string | undefined): readonly string[] {
    const all = [...this.#sessions.values()];
    return all.filter((session) => item === undefined || session.item.id === item).map(({ id }) => id);
  }

  addFile(id: string, input: Input): object {
    const session = this.#active(id);
    const name = textField(input, "name");
    const source = textField(input, "source_type");
    if (name === "") throw invalidArgument("The file has no name.");
    if (!SOURCES.includes(source)) throw invalidArgument(`The source type is none of ${SOURCES.join(", ")}.`);
    const endpoint = input.get("source_endpoint");
    if (source === "PULL" && !(isObject(endpoint) && textField(endpoint, "uri") !== "")) {
      throw invalidArgument("A file that is to be pulled needs source_endpoint with a URI.");
    }
    const file = {
      name,
      source_type: source,
      ...(isObject(endpoint) && { source_endpoint: { uri: textField(endpoint, "uri") } }),
    };
    session.files.set(name, file);
    return fileInfo(file, session);
  }

  files(id: string): readonly object[] {
    const session = this.#session(id);
    return [...session.files.values()].map((file) => fileInfo(file, session));
  }

  complete(id: string): void {
    this.#active(id).completed = true;
  }

  keepAlive(id: string): void {
    this.#active(id);
  }

  cancel(id: string): void {
    this.#active(id).state = "CANCELED";
  }

  fail(id: string, message: string): void {
    const session = this.#active(id);
    session.state = "ERROR";
    session.error = message;
  }

  /** @throws VapiFault while it is active. */
  deleteSession(id: string): void {
    if (this.#session(id).state === "ACTIVE") throw notAllowed("The session is active.");
    this.#dropSession(id);
  }

  #item(id: string): Item {
    const item = this.#items.get(id);
    if (!item) throw notFound("library item", id);
    return item;
  }

  #session(id: string): UpdateSession {
    const session = this.#sessions.get(id);
    if (!session) throw notFound("update session", id);
    return session;
  }

  #active(id: string): UpdateSession {
    const session = this.#session(id);
    if (session.state === "ACTIVE" && !session.completed) return session;
    throw notAllowed("The session is not active.");
  }

  #dropSession(id: string): void {
    this.#sessions.delete(id);
    this.#forget(id);
  }

  #once(kind: "item" | "session", input: Input, create: () => string): string {
    const token = textField(input, "client_token");
    if (token === "") return create();
    const key = `${kind} ${token}`;
    const id = this.#created.get(key) ?? create();
    this.#created.set(key, id);
    return id;
  }

  /** What is gone is not what its client token comes to any more. */
  #forget(id: string): void {
    for (const [key, created] of this.#created) if (created === id) this.#created.delete(key);
  }
}

function fileInfo(file: LibraryFile, { state, completed }: UpdateSession): object {
  return {
    ...file,
    status: state === "DONE" ? "READY" : completed ? "TRANSFERRING" : "WAITING_FOR_TRANSFER",
    bytes_transferred: 0,
  };
}
