/** What is wrong right now, told by the role that met it: a file each, gone once it is well again. Decides nothing; status and metrics show it. */
import { messageOf, TidemarkError } from "../errors.ts";
import { layout } from "./layout.ts";
import type { Store } from "./store.ts";

export interface Alert {
  /** Who says so, e.g. "speed-0" or "batch". */
  readonly role: string;
  readonly code: string;
  readonly message: string;
  /** When it began, ISO. */
  readonly since: string;
}

/** Tells of an error; the first telling of the same one stands. A disk that takes no file more must not hide the error itself. */
export async function raiseAlert(store: Store, role: string, error: unknown, now: number): Promise<void> {
  const code = error instanceof TidemarkError ? error.code : "INTERNAL";
  const message = error instanceof TidemarkError ? error.line : messageOf(error);
  try {
    const before = await alertOf(store, role);
    if (before?.code === code && before.message === message) return;
    const alert: Alert = { role, code, message, since: new Date(now).toISOString() };
    await store.replace(layout.alert(role), JSON.stringify(alert));
  } catch {}
}

export async function clearAlert(store: Store, role: string): Promise<void> {
  await store.remove(layout.alert(role)).catch(() => undefined);
}

export async function alertsIn(store: Store): Promise<Alert[]> {
  const found: Alert[] = [];
  for (const name of await store.list(layout.alerts)) {
    const alert = await alertOf(store, name.replace(/\.json$/, ""));
    if (alert) found.push(alert);
  }
  return found;
}

async function alertOf(store: Store, role: string): Promise<Alert | null> {
  try {
    const text = await store.read(layout.alert(role));
    return text && (JSON.parse(text.toString()) as Alert);
  } catch {
    // torn by a crash: whoever raised it will again
    return null;
  }
}
