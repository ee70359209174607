/** The configuration's section `sources`: databases whose tables changelogs follow. */
import type { StreamDefinition } from "../definition.ts";
import { isName, nameRule } from "../names.ts";
import { parseDuration } from "./duration.ts";
import { readCron } from "./schedule.ts";
import { checkSecret, readSecret, type SecretSources } from "./secret.ts";
import { invalid, type Section } from "./section.ts";

export interface SourceSection {
  readonly name: string;
  readonly postgres: PostgresSection;
}

export interface PostgresSection {
  /** Where the database is, with user and password; read when this is called. @throws CONFIG_INVALID */
  readonly url: () => string;
  readonly slot: string;
  readonly publication: string;
  /** How often it is written to, so that one without changes keeps no WAL, ms. */
  readonly heartbeatMs: number;
  /** When changelogs are compared with their tables, a cron expression; null: never. */
  readonly verify: string | null;
  /** Where the application puts its events; null: it has no outbox. */
  readonly outbox: OutboxSection | null;
}

export interface OutboxSection {
  /** With its schema; null: there is none. */
  readonly table: string | null;
  /** Rows are deleted once the log has them. */
  readonly remove: boolean;
  /** The prefix of messages (pg_logical_emit_message) that are events; null: none are. */
  readonly messages: string | null;
}

/** PostgreSQL's rule for slots. */
const slotPattern = /^[a-z0-9_]{1,63}$/;

/** @param project its name */
export function readSources(
  config: Section,
  project: string,
  streams: readonly StreamDefinition[],
  secrets: SecretSources,
): SourceSection[] {
  const all = config.section("sources", null);
  const sources = all.keys().map((name) => readSource(all, name, project, secrets));
  for (const { name, changelog } of streams) {
    const from = changelog?.from;
    if (!from || !("source" in from) || sources.some((each) => each.name === from.source)) continue;
    const { source } = from;
    const known = sources.map((each) => each.name).join(", ");
    invalid(
      config.where(`streams.${name}.from`),
      `there is no source ${JSON.stringify(source)}`,
      known === "" ? `write sources: { ${source}: { postgres: "env:…" } }` : `name one of ${known}`,
    );
  }
  return sources;
}

function readSource(all: Section, name: string, project: string, secrets: SecretSources): SourceSection {
  if (!isName(name)) invalid(all.where(name), "not a name for a source", nameRule);
  const source = all.section(name, ["postgres", "slot", "publication", "heartbeat", "verify", "outbox"]);
  const postgres = source.text("postgres");
  if (postgres === undefined) return invalid(source.where("postgres"), "is missing", 'name its URL: "env:NAME"');
  checkSecret(source.where("postgres"), postgres);
  const own = `tidemark_${`${project}_${name}`.toLowerCase().replace(/[^a-z0-9_]/g, "_")}`.slice(0, 63);
  const slot = source.text("slot") ?? own;
  if (!slotPattern.test(slot))
    invalid(source.where("slot"), `${JSON.stringify(slot)} is not a slot's name`, "use a to z, digits and _");
  const heartbeat = source.text("heartbeat") ?? "10 seconds";
  const heartbeatMs = parseDuration(heartbeat);
  if (heartbeatMs === null)
    return invalid(source.where("heartbeat"), `${JSON.stringify(heartbeat)} is not a duration`, 'write "10 seconds"');
  const url = () => readSecret(source.where("postgres"), postgres, secrets);
  const publication = source.text("publication") ?? own;
  return {
    name,
    postgres: { url, slot, publication, heartbeatMs, verify: readVerify(source), outbox: readOutbox(source) },
  };
}

function readVerify(source: Section): string | null {
  if (source.isFlag("verify") && !source.flag("verify")) return null;
  return readCron(source, "verify", "0 4 * * *");
}

function readOutbox(source: Section): OutboxSection | null {
  if (!source.has("outbox")) return null;
  const outbox = source.section("outbox", ["table", "remove", "messages"]);
  const [table, messages] = [outbox.text("table") ?? null, outbox.text("messages") ?? null];
  if (table === null && messages === null)
    invalid(source.where("outbox"), "names neither a table nor messages", 'write { table: "public.outbox" }');
  if (table !== null && !table.includes("."))
    invalid(outbox.where("table"), `${JSON.stringify(table)} has no schema`, `write "public.${table}"`);
  return { table, remove: outbox.flag("remove") ?? false, messages };
}
