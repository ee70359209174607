/**
 * SQL macros that every session has. They exist because DuckDB's own avg divides in 80-bit long doubles: a quotient of
 * doubles differs from it in the last place for a quarter of all groups with large sums, and floor, round or HAVING then
 * flip. These reproduce that division exactly in 128-bit integers, so that an average merged from parts equals plain SQL bit for bit.
 */
export const sessionMacros: readonly string[] = [
  // 2^k for k in 0..127
  `CREATE OR REPLACE TEMP MACRO tidemark_pow2(k) AS (1::UHUGEINT << (k)::UHUGEINT)`,
  // how many bits a UHUGEINT needs
  `CREATE OR REPLACE TEMP MACRO tidemark_bits(u) AS CASE WHEN u = 0 THEN 0 ELSE floor(log2(u::DOUBLE))::INTEGER + 1
     - (u < tidemark_pow2(least(floor(log2(u::DOUBLE))::INTEGER, 127)))::INTEGER END`,
  `CREATE OR REPLACE TEMP MACRO tidemark_half_even(q, guard, sticky) AS
     q + (CASE WHEN guard AND (sticky OR q % 2 = 1) THEN 1 ELSE 0 END)::UHUGEINT`,
  // a UHUGEINT as the nearest long double: mantissa of at most 64 bits and exponent
  `CREATE OR REPLACE TEMP MACRO tidemark_long_double(v) AS list_transform([{u: v, s: greatest(tidemark_bits(v) - 64, 0)}], lambda x:
     CASE WHEN x.s = 0 THEN {m: x.u, e: 0} ELSE {m: tidemark_half_even(x.u // tidemark_pow2(x.s),
       (x.u % tidemark_pow2(x.s)) >= tidemark_pow2(x.s - 1), (x.u % tidemark_pow2(x.s)) > tidemark_pow2(x.s - 1)), e: x.s} END)[1]`,
  // a / b rounded to a long double, then to a double
  `CREATE OR REPLACE TEMP MACRO tidemark_quotient(a, b) AS list_transform([{a: tidemark_long_double(a), b: tidemark_long_double(b)}], lambda x:
     list_transform([{n: x.a.m, d: x.b.m, k: 64 - tidemark_bits(x.a.m) + tidemark_bits(x.b.m), e: x.a.e - x.b.e}], lambda y:
     list_transform([{q: (y.n * tidemark_pow2(y.k)) // y.d, r: (y.n * tidemark_pow2(y.k)) % y.d, d: y.d, e: y.e - y.k}], lambda z:
       CASE WHEN z.q >= tidemark_pow2(64)
         THEN tidemark_half_even(z.q // 2, z.q % 2 = 1, z.r > 0)::DOUBLE * pow(2.0, z.e + 1)
         ELSE tidemark_half_even(z.q, z.r * 2 >= z.d, z.r * 2 > z.d)::DOUBLE * pow(2.0, z.e) END)[1])[1])[1]`,
  // sum / count as avg gives it; below these bounds a division of doubles is provably the same
  `CREATE OR REPLACE TEMP MACRO tidemark_avg(total, n) AS CASE
     WHEN n = 0 OR total IS NULL THEN NULL
     WHEN total = 0 THEN 0.0::DOUBLE
     WHEN abs(total::DOUBLE) < 9007199254740992 AND n < 1024 THEN total::DOUBLE / n::DOUBLE
     WHEN total < 0 THEN -tidemark_quotient((-total)::UHUGEINT, n::UHUGEINT)
     ELSE tidemark_quotient(total::UHUGEINT, n::UHUGEINT) END`,
  // avg of times: HUGEINT division with DuckDB's own rounding (up only when the remainder exceeds half, towards zero below it)
  `CREATE OR REPLACE TEMP MACRO tidemark_avg_micros(total, n) AS CASE WHEN n = 0 OR total IS NULL THEN NULL
     ELSE (total // n + (total % n > n // 2)::HUGEINT)::BIGINT END`,
];
