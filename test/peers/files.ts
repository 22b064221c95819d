import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A directory that is gone after its use. */
export interface Files {
  /** Where a file of this name is, or would be. */
  path(name: string): string;
}

/** Writes files that only their owner may read, for as long as `use` takes. */
export async function withFiles<T>(
  files: Readonly<Record<string, string>>,
  use: (files: Files) => Promise<T>,
): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), "vsso-peers-"));
  try {
    const path = (name: string) => join(directory, name);
    for (const [name, text] of Object.entries(files)) await writeFile(path(name), text, { mode: 0o600 });
    return await use({ path });
  } finally {
    await rm(directory, { recursive: true });
  }
}
