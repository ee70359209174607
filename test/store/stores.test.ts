/** The contract of a store, of each that there is. */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FolderStore } from "../../shared/store/folder.ts";
import type { Store } from "../../shared/store/store.ts";
import { behind, openAgain, openMemory } from "../support/store.ts";
import { conformance } from "./conformance.ts";

const damage = (store: Store, name: string, bytes: Buffer | null) => {
  if (bytes) behind(store).write(name, bytes);
  else behind(store).remove(name);
};
const folder = (durable: boolean) => () =>
  FolderStore.open(join(mkdtempSync(join(tmpdir(), "tidemark-store-")), "data"), { durable });

conformance({ name: "a folder", open: folder(false), again: openAgain, damage });
conformance({ name: "a folder, synced", open: folder(true), again: openAgain, damage });
conformance({ name: "in memory", open: () => openMemory(), again: openAgain, damage });
