import pino, { type Logger } from "pino";
import { TidemarkError } from "../shared/errors.ts";

const levels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"];

/**
 * The program's log on standard error: text on a terminal, JSON lines elsewhere. Writes are synchronous, so that a
 * process's last lines are not lost.
 *
 * @throws TidemarkError CONFIG_INVALID for an unknown LOG_LEVEL
 */
export function openLogger(env: Readonly<Record<string, string | undefined>>): Logger {
  const level = (env.LOG_LEVEL || "info").toLowerCase();
  if (!levels.includes(level)) {
    throw new TidemarkError(
      "CONFIG_INVALID",
      `environment LOG_LEVEL: ${JSON.stringify(env.LOG_LEVEL)} is not a level`,
      `use one of ${levels.join(", ")}`,
    );
  }
  const options = { level, base: null };
  return process.stderr.isTTY
    ? pino(options, { write: (line) => process.stderr.write(`${asText(line)}\n`) })
    : pino(options, pino.destination({ dest: 2, sync: true }));
}

/** `12:03:04 warn  cannot reach the log broker=127.0.0.1:9092` */
function asText(line: string): string {
  const { level, time, msg, ...facts }: Record<string, unknown> = JSON.parse(line);
  const at = new Date(Number(time)).toISOString().slice(11, 19);
  const word = pino.levels.labels[Number(level)] ?? String(level);
  const rest = Object.entries(facts).map(([name, value]) => {
    return `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`;
  });
  return [at, word.padEnd(5), msg ?? "", ...rest].join(" ");
}
