import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FileStore } from "../../../src/session/stores/file-store.ts";
import { describeStore } from "./store-contract.ts";

describeStore("FileStore", async () => {
  const folder = await mkdtemp(join(tmpdir(), "vsso-file-store-"));
  const stores: FileStore[] = [];
  return {
    expires: true,
    store: async () => {
      const store = new FileStore({ folder: join(folder, "sessions") });
      stores.push(store);
      return store;
    },
    cleanup: async () => {
      await Promise.all(stores.map((store) => store.close()));
      await rm(folder, { recursive: true });
    },
  };
});
