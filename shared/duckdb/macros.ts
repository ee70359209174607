/**
 * SQL macros that every session has. They exist because DuckDB's own avg divides in 80-bit long doubles: a quotient of
 * doubles differs from it in the last place for a quarter of all groups with large sums, and floor, round or HAVING then
 * flip. These reproduce that division exactly in 128-bit integers, so that an average merged from parts equals plain SQL bit for bit.
 *
 * Their length is what a query pays to be planned, for every use: what is used twice is bound once, as a lambda's parameter.
 */
export const sessionMacros: readonly string[] = [
  // u moved up until its highest bit is 2^126
  `CREATE OR REPLACE TEMP MACRO tidemark_high(u) AS u << (127 - length(bin(u)))::UHUGEINT`,
  // the 64 bits of a long double from such a number: / 2^63, rounded half to even
  `CREATE OR REPLACE TEMP MACRO tidemark_mantissa(w) AS (w + 4611686018427387903 + ((w >> 63) & 1)) >> 63`,
  // sum / count as avg gives it, for n < 2^60: the quotient then has two bits more than a long double, and its lowest bit
  // stands for whatever is left, so that it rounds right. Below the first bounds a division of doubles is provably the same.
  `CREATE OR REPLACE TEMP MACRO tidemark_avg(total, n) AS CASE
     WHEN abs(total::DOUBLE) < 9007199254740992 AND n < 2048 THEN total::DOUBLE / n::DOUBLE
     ELSE sign(total) * list_transform([abs(total)::UHUGEINT], lambda u:
       list_transform([tidemark_mantissa(tidemark_high(u)) << 62], lambda v:
       list_transform([(v // n::UHUGEINT) | (v % n::UHUGEINT > 0)::UHUGEINT], lambda q:
         tidemark_mantissa(tidemark_high(q))::DOUBLE * pow(2.0, length(bin(q)) + length(bin(u)) - 190))[1])[1])[1] END`,
  // the same for n < 2^127, which is rounded to a long double first; the lowest bits come from dividing the rest again
  `CREATE OR REPLACE TEMP MACRO tidemark_avg_wide(total, n) AS sign(total) *
     list_transform([{u: abs(total)::UHUGEINT, n: n::UHUGEINT}], lambda x:
     list_transform([{v: tidemark_mantissa(tidemark_high(x.u)) << 63, d: tidemark_mantissa(tidemark_high(x.n))}], lambda y:
     list_transform([((y.v // y.d) << 3) + (((y.v % y.d) << 3) // y.d) | (((y.v % y.d) << 3) % y.d > 0)::UHUGEINT], lambda q:
       tidemark_mantissa(tidemark_high(q))::DOUBLE
         * pow(2.0, length(bin(q)) + length(bin(x.u)) - length(bin(x.n)) - 130))[1])[1])[1]`,
  // avg of times: HUGEINT division with DuckDB's own rounding (up only when the remainder exceeds half, towards zero below it)
  `CREATE OR REPLACE TEMP MACRO tidemark_avg_micros(total, n) AS CASE WHEN n = 0 OR total IS NULL THEN NULL
     ELSE (total // n + (total % n > n // 2)::HUGEINT)::BIGINT END`,
  // Chan's formula over a list of parts {n, x, y, s}: numbers, means and co-moments about them. Where all means of one side are
  // equal nothing is added, so that what does not vary has exactly 0.
  `CREATE OR REPLACE TEMP MACRO tidemark_comoment(parts) AS list_transform([parts], lambda l: list_transform([{l: l,
       n: list_sum(list_transform(l, lambda p: p.n))::DOUBLE,
       x: list_sum(list_transform(l, lambda p: p.n * p.x)), y: list_sum(list_transform(l, lambda p: p.n * p.y))}], lambda t:
     list_sum(list_transform(t.l, lambda p: p.s)) + CASE
       WHEN list_min(list_transform(t.l, lambda p: p.x)) = list_max(list_transform(t.l, lambda p: p.x))
         OR list_min(list_transform(t.l, lambda p: p.y)) = list_max(list_transform(t.l, lambda p: p.y)) THEN 0.0
       ELSE list_sum(list_transform(t.l, lambda p: p.n * (p.x - t.x / t.n) * (p.y - t.y / t.n))) END)[1])[1]`,
  // between two neighbouring values, part of the way: as DuckDB's quantile_cont does it for each kind of type
  `CREATE OR REPLACE TEMP MACRO tidemark_between_number(low, high, part) AS
     CASE WHEN part = 0 THEN low::DOUBLE ELSE low::DOUBLE * (1.0::DOUBLE - part) + high::DOUBLE * part END`,
  `CREATE OR REPLACE TEMP MACRO tidemark_between_micros(low, high, part) AS round(low + (high - low) * part)::BIGINT`,
  `CREATE OR REPLACE TEMP MACRO tidemark_between_unscaled(low, high, part) AS
     low + trunc((high - low)::DOUBLE * part)::BIGINT`,
];
