/** Names of what a process makes for a time: they start with its owner, so that others can ask whether it lives. */
import { randomBytes } from "node:crypto";

export function newOwner(): string {
  return randomBytes(6).toString("hex");
}

/** A name of its own for a run of this owner's. */
export function newRunOf(owner: string): string {
  return `${owner}-${randomBytes(4).toString("hex")}`;
}

/** Of a run's name; null: it is of no process. */
export function ownerOf(run: string): string | null {
  return /^([0-9a-f]{12})-[0-9a-f]{8}/.exec(run)?.[1] ?? null;
}
