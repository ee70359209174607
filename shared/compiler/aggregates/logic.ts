/** Truth values and bits: each merges by itself. */
import { isInteger, storageOf } from "../types.ts";
import { call, mergedPart, toggledPart } from "./part.ts";
import { type Aggregate, type Argument, type PartsPlan, type UnsupportedCall, unsupported } from "./plan.ts";

function truth(combine: "bool_and" | "bool_or", { sql }: Argument): PartsPlan {
  return {
    parts: [mergedPart(call(combine, sql), "BOOLEAN", "BOOLEAN", combine)],
    finalize: ([part]) => part!,
  };
}

function bits(combine: "bit_and" | "bit_or" | "bit_xor", { sql, type }: Argument): PartsPlan | UnsupportedCall {
  const storage = storageOf(type);
  if (!storage || !(isInteger(type) || type === "HUGEINT" || type === "UHUGEINT")) {
    return unsupported(`${combine} of ${type} is not available`, "cast the argument to an integer");
  }
  const kept = call(combine, sql);
  const part = combine === "bit_xor" ? toggledPart(kept, type, storage) : mergedPart(kept, type, storage, combine);
  return { parts: [part], finalize: ([bits]) => bits! };
}

export const logic: readonly Aggregate[] = [
  {
    names: ["bool_and"],
    class: "semigroup",
    arity: [1],
    plan: ([x]) => truth("bool_and", x!),
    idempotent: true,
    monotone: "down",
  },
  {
    names: ["bool_or"],
    class: "semigroup",
    arity: [1],
    plan: ([x]) => truth("bool_or", x!),
    idempotent: true,
    monotone: "up",
  },
  {
    names: ["bit_and"],
    class: "semigroup",
    arity: [1],
    plan: ([x]) => bits("bit_and", x!),
    idempotent: true,
    monotone: "down",
  },
  {
    names: ["bit_or"],
    class: "semigroup",
    arity: [1],
    plan: ([x]) => bits("bit_or", x!),
    idempotent: true,
    monotone: "up",
  },
  { names: ["bit_xor"], class: "group", arity: [1], plan: ([x]) => bits("bit_xor", x!) },
];
