// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are texts of sources
/** Faults in what a view means: compiler, macros, decoding. */
import type { Fault } from "./fault.ts";

const views = ["test/views/cases.test.ts"];
/** Of the view cases, files by name. */
const cases = (...names: readonly string[]) => ({ tests: views, named: `^(${names.join("|")}) ` });

/** Parts that are averages themselves, in place of the sums and counts that follow. */
const averaged = [
  "const merge: Semigroup = { law: 'semigroup', combine: ([a]) => `avg(${a})` };",
  "const part = { ...count, calls: [call('avg', x.sql)], type: 'DOUBLE', storage: 'DOUBLE', merge };",
  "if (part) return { parts: [part], finalize: ([a]) => a! };",
].join(" ");

export const viewFaults: readonly Fault[] = [
  {
    name: "a relation without a name is named in a join",
    file: "shared/compiler/scope.ts",
    edits: [{ find: "owner !== null && !owner.startsWith(unnamed) ?", replace: "owner !== null ?" }],
    ...cases("joins"),
  },
  {
    name: "a row that went counts as one that came",
    file: "shared/compiler/aggregates/weighted.ts",
    edits: [{ find: "coalesce(${merge.inverse(went)}, ${zero})", replace: "coalesce(${went}, ${zero})" }],
    tests: ["test/views/changelog.test.ts"],
  },
  {
    name: "values of rows that went stay",
    file: "shared/compiler/partial-texts.ts",
    edits: [{ find: "s = 0 OR n <> 0", replace: "true" }],
    tests: ["test/views/changelog.test.ts"],
  },
  {
    name: "a roll-up sums a group away of which more rows went than came",
    file: "shared/compiler/texts.ts",
    edits: [{ find: "beside.push(`${fewest} AS fewest`)", replace: "beside.push('0 AS fewest')" }],
    tests: ["test/serving/broken-changelog.test.ts"],
  },
  {
    name: "GROUPING SETS sum a group away of which more rows went than came",
    file: "shared/compiler/partial-texts.ts",
    edits: [{ find: "`min(${fewestOf(plan)}) AS ${fewestName}`", replace: "`0 AS ${fewestName}`" }],
    tests: ["test/serving/broken-changelog.test.ts"],
  },
  {
    name: "a filter passes over a group of which more rows went than came",
    file: "shared/compiler/partial-texts.ts",
    edits: [
      {
        find: 'founded(plan, over === "parts" ? finalize : `x${i}`, coarse)',
        replace: '(coarse, over === "parts" ? finalize : `x${i}`)',
      },
    ],
    tests: ["test/serving/broken-changelog.test.ts"],
  },
  {
    name: "a group without rows is shown",
    file: "shared/compiler/texts.ts",
    edits: [{ find: '${isWhole ? ">= 0" : "<> 0"}', replace: ">= 0" }],
    tests: ["test/views/changelog.test.ts"],
  },
  {
    name: "a sum without values is 0",
    file: "shared/compiler/aggregates/weighted.ts",
    edits: [{ find: "each === null ? names[i]! :", replace: "each !== null || each === null ? names[i]! :" }],
    tests: ["test/views/changelog.test.ts"],
  },
  {
    name: "a changelog is summed without what went",
    file: "shared/compiler/weights.ts",
    edits: [{ find: "${rows(beforeField, -1)} UNION ALL ", replace: "" }],
    tests: ["test/pipeline/changelog.test.ts"],
  },
  {
    name: "an average of averages, of doubles",
    file: "shared/compiler/aggregates/sums.ts",
    edits: [
      {
        find: "const parts = [...sumParts(x.sql), count];\n    return {",
        replace: `const parts = [...sumParts(x.sql), count];\n    ${averaged}\n    return {`,
      },
    ],
    ...cases("moments"),
  },
  {
    name: "an average of averages, of integers",
    file: "shared/compiler/aggregates/sums.ts",
    edits: [
      {
        find: "if (isSmall(x.type)) {\n    return {",
        replace: `if (isSmall(x.type)) {\n    ${averaged}\n    return {`,
      },
    ],
    tests: ["test/views/cases-of-traps.test.ts"],
    named: "^trap-averages ",
  },
  {
    name: "HAVING on partials",
    file: "shared/compiler/view-texts.ts",
    edits: [
      { find: "import { nodesOf } from", replace: "import { nodesOf, renderExpressions } from" },
      {
        find: "partial: partialText(planned),",
        replace:
          "partial: partialText(planned) + (read.having ? " +
          "` HAVING ${(await renderExpressions(session, [read.having]))[0]}` : ''),",
      },
    ],
    ...cases("every-value", "groups"),
  },
  {
    name: "sums of integers kept as DOUBLE",
    file: "shared/compiler/aggregates/part.ts",
    edits: [{ find: '"HUGEINT", "DECIMAL(38,0)"', replace: '"HUGEINT", "DOUBLE"' }],
    ...cases("constants"),
  },
  {
    name: "an exact sum that forgets what lies below its first digits",
    file: "shared/duckdb/macros.ts",
    edits: [{ find: "+ sign(coalesce(list_filter(digits[first + 3:], lambda d: d <> 0)[1], 0))", replace: "+ 0" }],
    tests: ["test/views/exact-sums.test.ts"],
  },
  {
    name: "a part of decimals that overflows where the whole does not",
    file: "shared/compiler/aggregates/wide-sums.ts",
    edits: [{ find: 'return type === "HUGEINT" ||', replace: "return" }],
    tests: ["test/views/wide-sums.test.ts"],
  },
  {
    name: "REALs interpolated as doubles",
    file: "shared/duckdb/macros.ts",
    edits: [{ find: "low + CAST((high - low)::DOUBLE * part AS FLOAT)", replace: "low + (high - low)::DOUBLE * part" }],
    tests: ["test/views/reals.test.ts"],
    named: "quantile_cont",
  },
  {
    name: "NULL group lost",
    file: "shared/compiler/partial-texts.ts",
    edits: [
      {
        find: "FROM partials${groups ?",
        replace: "FROM partials${plan.keys.length > 0 ? ' WHERE k0 IS NOT NULL' : ''}${groups ?",
      },
    ],
    ...cases("groups"),
  },
  {
    name: "sums of doubles that could be subtracted again",
    file: "shared/compiler/aggregates/sums.ts",
    edits: [{ find: '(isFloat(x!.type) ? "semigroup" : "group")', replace: '(x ? "group" : "semigroup")' }],
    tests: ["test/views/algebra.test.ts"],
    named: "(sum|avg) keeps",
  },
  {
    name: "an inverse that takes nothing back",
    file: "shared/compiler/aggregates/part.ts",
    edits: [{ find: "`(-${part})`", replace: "part" }],
    tests: ["test/views/algebra.test.ts"],
    named: "(count|sum) keeps",
  },
  {
    name: "FILTER dropped",
    file: "shared/compiler/aggregates/part.ts",
    edits: [
      { find: 'const clause = filter === null ? "" : ` FILTER (WHERE ${filter})`;', replace: 'const clause = "";' },
    ],
    ...cases("groups"),
  },
  {
    name: "count(DISTINCT) as count",
    file: "shared/compiler/aggregates/table.ts",
    edits: [{ find: "if (!entry || !distinct || entry.sorted) return entry;", replace: "return entry;" }],
    ...cases("every-value"),
  },
  {
    name: "a value's count from one part only",
    file: "shared/compiler/partial-texts.ts",
    edits: [
      {
        find: 'merged.push("CAST(sum(n) AS BIGINT) AS n")',
        replace: 'merged.push("CAST(max(n) AS BIGINT) AS n")',
      },
    ],
    ...cases("every-value"),
  },
  {
    name: "Chan's formula without what lies between the means",
    file: "shared/duckdb/macros.ts",
    edits: [
      {
        find: "ELSE list_sum(list_transform(t.l, lambda p: p.n * (p.x - t.x / t.n) * (p.y - t.y / t.n))) END",
        replace: "ELSE 0.0 END",
      },
    ],
    ...cases("moments"),
  },
  {
    name: "avg divided as doubles",
    file: "shared/duckdb/macros.ts",
    edits: [
      {
        find: "WHEN abs(total::DOUBLE) < 9007199254740992 AND n < 2048 THEN",
        replace: "WHEN n < 9007199254740992 THEN",
      },
    ],
    tests: ["test/views/avg-exact.test.ts"],
  },
  {
    name: "the wrong bit of grouping()",
    file: "shared/compiler/partial-texts.ts",
    edits: [{ find: "(((gid >> ${keys - 1 - number})", replace: "(((gid >> ${number})" }],
    ...cases("grouping-sets"),
  },
  {
    name: "the later of two events that tie",
    file: "shared/compiler/aggregates/order.ts",
    edits: [{ find: 'which === "min" ? "" : "-"', replace: 'which === "min" ? "-" : ""' }],
    ...cases("order"),
  },
  {
    name: "the first event of whichever part",
    file: "shared/compiler/aggregates/order.ts",
    edits: [{ find: "([v, o]) => `arg_${which}_null(${v}, ${o})`", replace: "([v]) => `any_value(${v})`" }],
    ...cases("order"),
  },
  {
    name: "the lower of two registers of a sketch",
    file: "shared/compiler/aggregates/sketches.ts",
    edits: [{ find: '"VARCHAR", "VARCHAR", "min"', replace: '"VARCHAR", "VARCHAR", "max"' }],
    tests: ["test/views/sketches.test.ts"],
  },
  {
    name: "a sketch's buckets read with another width",
    file: "shared/duckdb/macros.ts",
    edits: [
      { find: "pow(1.005::DOUBLE / 0.995, abs(b) - 80001)", replace: "pow(1.006::DOUBLE / 0.994, abs(b) - 80001)" },
    ],
    tests: ["test/views/sketches.test.ts"],
  },
  {
    name: "a reference table's content left out of the identity",
    file: "shared/compiler/identity.ts",
    edits: [{ find: "table.columns, table.file.sha256", replace: "table.columns" }],
    tests: ["test/views/identity.test.ts"],
  },
  {
    name: "the time zone left out of the identity",
    file: "shared/compiler/identity.ts",
    edits: [{ find: "    timezone,\n    view.streams,", replace: "    view.streams," }],
    tests: ["test/views/identity.test.ts"],
  },
  {
    name: "a nullable field as a required one",
    file: "shared/decode/strict.ts",
    edits: [
      { find: "field.nullable ? `(v${i} IS NOT NULL OR j${i} IS NULL)` :", replace: "" },
      { find: "return field.nullable\n      ? wrong\n      :", replace: "return" },
    ],
    tests: ["test/decode/ways.test.ts", "test/decode/strict.test.ts"],
  },
  {
    name: "a required field that may be missing",
    file: "shared/decode/strict.ts",
    edits: [
      {
        find: "field.nullable ? `(v${i} IS NOT NULL OR j${i} IS NULL)` : `v${i} IS NOT NULL`,",
        replace: "`(v${i} IS NOT NULL OR j${i} IS NULL)`,",
      },
    ],
    tests: ["test/decode/ways.test.ts", "test/decode/strict.test.ts"],
  },
  {
    name: "a full disk fails the view",
    file: "shared/duckdb/of-sql.ts",
    edits: [{ find: "kind !== undefined &&", replace: "kind === undefined ||" }],
    tests: ["test/pipeline/speed.test.ts"],
  },
];
