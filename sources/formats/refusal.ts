/** Why a record can't be read. Values are never in it: they may be personal data. */
import { type ErrorCode, TidemarkError } from "../../shared/errors.ts";
import type { ForeignRecord } from "./foreign.ts";

/** Found while a value is read, where its record is not known. */
class Unreadable extends Error {
  readonly code: ErrorCode;
  readonly todo: string;

  constructor(code: ErrorCode, problem: string, todo: string) {
    super(problem);
    this.code = code;
    this.todo = todo;
  }
}

/** It is not what the format or the field's type says. */
export function wrong(problem: string, todo: string): never {
  throw new Unreadable("SOURCE_RECORD", problem, todo);
}

/** It may mean more than one thing. */
export function unclear(problem: string, todo: string): never {
  throw new Unreadable("SOURCE_SETTING", problem, todo);
}

/** Runs `read`; what is unreadable is refused with the record's place. */
export function atPlace<T>(topic: string, record: ForeignRecord, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    const { partition, offset } = record;
    const where = `topic ${topic}, partition ${partition}, offset ${offset}`;
    throw new TidemarkError(error.code, `${where}: ${error.message}`, error.todo, { topic, partition, offset });
  }
}

/** Runs `read`; the field is named where it fails. */
export function inField<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    throw new Unreadable(error.code, `field ${name}: ${error.message}`, error.todo);
  }
}

/** The kind of a JSON text, without the value. */
export function kindOf(raw: string): string {
  switch (raw[0]) {
    case '"':
      return "a text";
    case "{":
      return "an object";
    case "[":
      return "a list";
    case "t":
    case "f":
      return "a boolean";
    case "n":
      return "null";
    default:
      if (!/^[-\d]/.test(raw)) return "no JSON";
      return /[.eE]/.test(raw) ? "a number with a fraction or exponent" : "an integer";
  }
}
