/** Folders that only their owner can read or write. */
import type { Stats } from "node:fs";
import { lstat, stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { StoreError } from "../../errors.ts";
import { makeFolders } from "../../net/make-folders.ts";
import { cannot, errorCode, refuseForeign, refuseModes, refuseOthers } from "./private-file.ts";
import { PROGRAM_FOLDER } from "./state-folder.ts";

const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;

/**
 * Whether a folder is there, for its owner alone.
 *
 * @throws StoreError `STORE_UNAVAILABLE` when it is no folder, another user's, or open to other users; also when the one
 * above it is this program's own too, and others can write there.
 */
export async function checkPrivateFolder(path: string): Promise<boolean> {
  const above = dirname(path);
  // Whoever can write there could put another folder in the place of this one. Other folders above are the user's care.
  if (basename(above) === PROGRAM_FOLDER) {
    const folder = await folderAt(above);
    if (folder === undefined) return false;
    // The administrator can do anything anyhow.
    if (folder.uid !== 0) refuseForeign(above, folder.uid);
    if ((folder.mode & STICKY) === 0) refuseModes(above, folder.mode, WRITABLE_BY_OTHERS, "700");
  }
  const found = await folderAt(path);
  if (found === undefined) return false;
  refuseOthers(path, found.uid, found.mode, "700");
  return true;
}

/** Makes the folder (mode 0700) where it is missing, and those above it. @throws as `checkPrivateFolder`. */
export async function makePrivateFolder(path: string): Promise<void> {
  if (await checkPrivateFolder(path)) return;
  try {
    await makeFolders(path);
    // A link that leads nowhere is neither there nor missing.
    await stat(path);
  } catch (error) {
    throw cannot("make", path, error);
  }
  await checkPrivateFolder(path);
}

/** Undefined where there is nothing. @throws StoreError `STORE_UNAVAILABLE` for what is no folder. */
async function folderAt(path: string): Promise<Stats | undefined> {
  let found: Stats;
  try {
    const link = await lstat(path);
    // A link of one's own, or of the administrator, may well lead to another disk.
    if (link.isSymbolicLink() && link.uid !== 0) refuseForeign(path, link.uid);
    found = link.isSymbolicLink() ? await stat(path) : link;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw cannot("read", path, error);
  }
  if (found.isDirectory()) return found;
  throw new StoreError("STORE_UNAVAILABLE", `Sessions cannot be stored in ${path}: it is no folder`, {
    hint: "Move it away, or store the sessions in another folder.",
  });
}
