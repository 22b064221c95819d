import { MemoryStore } from "../../../src/session/stores/memory-store.ts";
import { describeStore } from "./store-contract.ts";

describeStore("MemoryStore", async () => {
  const store = new MemoryStore();
  return { store: async () => store, cleanup: () => store.close(), expires: true };
});
