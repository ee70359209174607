import { type Command, InvalidArgumentError, Option } from "commander";
import { TidemarkError } from "../shared/errors.ts";
import type { CsvOptions } from "./input/csv-options.ts";
import { type Format, formats } from "./input/formats.ts";
import { isEncoding } from "./input/source.ts";
import { timeReader } from "./input/time-format.ts";
import { serverUrl } from "./server-url.ts";
import type { VerbArgs } from "./verb.ts";

interface LoadOptions {
  readonly requestId?: string;
  readonly server?: string;
  readonly rejects?: string;
  readonly acceptDead: boolean;
  readonly check: boolean;
  readonly values: boolean;
  readonly format?: Format;
  readonly encoding?: string;
  readonly delimiter?: string;
  /** "": none. */
  readonly quote: string;
  readonly escape?: string;
  readonly null?: string[];
  readonly quotedNull: boolean;
  readonly header: boolean;
  readonly decimal: string;
  readonly dateFormat?: string;
  readonly timestampFormat?: string;
}

/** `tidemark load`. */
export function loadCommand(program: Command, give: (args: VerbArgs["load"], command: Command) => void): void {
  program
    .command("load <stream> <files...>")
    .description(
      "append events from JSON, NDJSON, CSV, Parquet or Arrow files (-: standard input); invalid rows are reported and skipped, with exit code 1",
    )
    .option("--request-id <id>", "a repeated load under the same id appends only what is missing")
    .option("--server <url>", "send the events to a server instead of the log, with the key in TIDEMARK_KEY", serverUrl)
    .option("--check", "append nothing, only report what would be appended", false)
    .option("--rejects <file>", "write invalid rows to this file, with line and reason, one JSON line each")
    .option("--accept-dead", "append invalid rows as dead letters", false)
    .option("--values", "include the rows' content in --rejects", false)
    .addOption(new Option("--format <format>", "the files' format (default: by their names)").choices(formats))
    .option(
      "--encoding <name>",
      "encoding of text files, such as windows-1252 (default: by byte order mark, else UTF-8)",
      encodingIn,
    )
    .option(
      "--delimiter <c>",
      "CSV: delimiter (default: by name, or the header's most frequent of , ; | and tab)",
      characterIn,
    )
    .option("--quote <c>", 'CSV: quote; "" for none', quoteIn, '"')
    .option(
      "--escape <c>",
      'CSV: escapes a quote within quotes, instead of doubling it; with --quote "", escapes any character',
      characterIn,
    )
    .option("--null <text>", "CSV: unquoted text that means NULL (default: an empty cell; may be repeated)", listIn)
    .option("--quoted-null", "CSV: --null applies to quoted cells, too", false)
    .option("--no-header", "CSV: no header line; the columns are the stream's fields in their order")
    .option("--decimal <c>", "CSV: decimal separator, . or a comma", decimalIn, ".")
    .option("--date-format <format>", "CSV: date format of strptime, such as %d/%m/%Y", timeFormatIn)
    .option("--timestamp-format <format>", "CSV: timestamp format, such as %d.%m.%Y %H:%M:%S", timeFormatIn)
    .action((stream: string, files: string[], options: LoadOptions, command: Command) => {
      give(argsOf(stream, files, options), command);
    });
}

function argsOf(stream: string, files: readonly string[], options: LoadOptions): VerbArgs["load"] {
  const { requestId: request = null, server = null, rejects = null, acceptDead, check, values } = options;
  checkRequestId(request);
  const { format = null, encoding = null } = options;
  return {
    stream,
    files,
    request,
    server,
    rejects,
    acceptDead,
    check,
    values,
    input: { format, encoding, csv: csvOptions(options) },
  };
}

function csvOptions(options: LoadOptions): CsvOptions {
  const { delimiter = null, header, decimal } = options;
  const quote = options.quote || null;
  const { dateFormat = null, timestampFormat = null, null: nulls = [""], quotedNull: quotedNulls } = options;
  if (delimiter !== null && [quote, options.escape].includes(delimiter))
    throw new TidemarkError("USAGE", "--delimiter is the same as --quote or --escape", "choose another");
  const plain = { delimiter, quote, nulls, quotedNulls, header, decimal, dateFormat, timestampFormat };
  return { ...plain, escape: options.escape ?? null };
}

function checkRequestId(id: string | null): void {
  if (id === null) return;
  if (!/^[\w.:/-]{1,200}$/.test(id))
    throw new TidemarkError("USAGE", `${JSON.stringify(id)} is not a request id`, "use letters, digits, and _ . : / -");
  if (id.startsWith("dl:"))
    throw new TidemarkError("USAGE", "request ids that start with dl: are reserved", "choose another");
}

function characterIn(text: string): string {
  const found = text === "\\t" || text === "tab" ? "\t" : text;
  if (/^[^\r\n]$/.test(found)) return found;
  throw new InvalidArgumentError("Write one character, or tab.");
}

function quoteIn(text: string): string {
  return text === "" ? "" : characterIn(text);
}

function decimalIn(text: string): string {
  if (text === "." || text === ",") return text;
  throw new InvalidArgumentError("Write . or a comma.");
}

function encodingIn(text: string): string {
  if (isEncoding(text)) return text;
  throw new InvalidArgumentError("Write one such as utf-8, utf-16le, windows-1252 or iso-8859-15.");
}

function timeFormatIn(text: string): string {
  timeReader(text);
  return text;
}

function listIn(text: string, before: string[] | undefined): string[] {
  return [...(before ?? []), text];
}
