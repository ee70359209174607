/**
 * SQL macros that every session has. They exist because DuckDB's own avg divides in 80-bit long doubles: a quotient of
 * doubles differs from it in the last place for a quarter of all groups with large sums, and floor, round or HAVING then
 * flip. These reproduce that division exactly in 128-bit integers, so that an average merged from parts equals plain SQL bit for bit.
 *
 * Their length is what a query pays to be planned, for every use: what is used twice is bound once, as a lambda's parameter.
 */
export const macros: readonly string[] = [
  // u moved up until its highest bit is 2^126
  `CREATE MACRO tidemark_high(u) AS u << (127 - length(bin(u)))::UHUGEINT`,
  // the 64 bits of a long double from such a number: / 2^63, rounded half to even
  `CREATE MACRO tidemark_mantissa(w) AS (w + 4611686018427387903 + ((w >> 63) & 1)) >> 63`,
  // sum / count as avg gives it, for n < 2^60: the quotient then has two bits more than a long double, and its lowest bit
  // stands for whatever is left, so that it rounds right. Below the first bounds a division of doubles is provably the same.
  `CREATE MACRO tidemark_avg(total, n) AS CASE
     WHEN abs(total::DOUBLE) < 9007199254740992 AND n < 2048 THEN total::DOUBLE / n::DOUBLE
     ELSE sign(total) * list_transform([abs(total)::UHUGEINT], lambda u:
       list_transform([tidemark_mantissa(tidemark_high(u)) << 62], lambda v:
       list_transform([(v // n::UHUGEINT) | (v % n::UHUGEINT > 0)::UHUGEINT], lambda q:
         tidemark_mantissa(tidemark_high(q))::DOUBLE * pow(2.0, length(bin(q)) + length(bin(u)) - 190))[1])[1])[1] END`,
  // the same for n < 2^127, which is rounded to a long double first; the lowest bits come from dividing the rest again
  `CREATE MACRO tidemark_avg_wide(total, n) AS sign(total) *
     list_transform([{u: abs(total)::UHUGEINT, n: n::UHUGEINT}], lambda x:
     list_transform([{v: tidemark_mantissa(tidemark_high(x.u)) << 63, d: tidemark_mantissa(tidemark_high(x.n))}], lambda y:
     list_transform([((y.v // y.d) << 3) + (((y.v % y.d) << 3) // y.d) | (((y.v % y.d) << 3) % y.d > 0)::UHUGEINT], lambda q:
       tidemark_mantissa(tidemark_high(q))::DOUBLE
         * pow(2.0, length(bin(q)) + length(bin(x.u)) - length(bin(x.n)) - 130))[1])[1])[1]`,
  // avg of times: HUGEINT division with DuckDB's own rounding (up only when the remainder exceeds half, towards zero below it)
  `CREATE MACRO tidemark_avg_micros(total, n) AS CASE WHEN n = 0 OR total IS NULL THEN NULL
     ELSE (total // n + (total % n > n // 2)::HUGEINT)::BIGINT END`,
  // Chan's formula over a list of parts {n, x, y, s}: numbers, means and co-moments about them. Where all means of one side are
  // equal nothing is added, so that what does not vary has exactly 0.
  `CREATE MACRO tidemark_comoment(parts) AS list_transform([parts], lambda l: list_transform([{l: l,
       n: list_sum(list_transform(l, lambda p: p.n))::DOUBLE,
       x: list_sum(list_transform(l, lambda p: p.n * p.x)), y: list_sum(list_transform(l, lambda p: p.n * p.y))}], lambda t:
     list_sum(list_transform(t.l, lambda p: p.s)) + CASE
       WHEN list_min(list_transform(t.l, lambda p: p.x)) = list_max(list_transform(t.l, lambda p: p.x))
         OR list_min(list_transform(t.l, lambda p: p.y)) = list_max(list_transform(t.l, lambda p: p.y)) THEN 0.0
       ELSE list_sum(list_transform(t.l, lambda p: p.n * (p.x - t.x / t.n) * (p.y - t.y / t.n))) END)[1])[1]`,
  // HyperLogLog: the place of the highest bit of 52, counted from the top; 53 where there is none
  `CREATE MACRO tidemark_rank(w) AS CAST(53 - length(bin(w)) + (w = 0)::INTEGER AS TINYINT)`,
  // Ertl's estimator ("New cardinality estimation algorithms for HyperLogLog sketches", 2017) without bias at any size; `filled`
  // of 4096 registers have ranks, and inverse is the sum of 2^(53 - rank) over them. Whole numbers, so that order does not matter.
  `CREATE MACRO tidemark_cardinality(filled, inverse) AS CASE WHEN filled = 0 THEN 0::BIGINT ELSE
     list_transform([(4096 - filled) / 4096.0::DOUBLE], lambda zero: round(4096.0::DOUBLE * 4096 / (2 * ln(2.0::DOUBLE)) /
       (4096 * (zero + list_sum(list_transform(range(1, 30), lambda k: pow(zero, pow(2, k)) * pow(2, k - 1))))
         + inverse::DOUBLE / 9007199254740992)))[1]::BIGINT END`,
  // DDSketch at half of the stated 1 %, which leaves room for rounding to whole numbers: bucket i holds g^(i-1) < x <= g^i for
  // g = 1.005/0.995, numbered such that buckets sort as their values do
  `CREATE MACRO tidemark_bucket(x) AS CAST(CASE WHEN x = 0 THEN 0 WHEN isnan(x) THEN 300000
     WHEN isinf(x) THEN sign(x) * 200000 ELSE sign(x) * (80001 + ceil(ln(abs(x)) / ln(1.005::DOUBLE / 0.995))) END AS INTEGER)`,
  `CREATE MACRO tidemark_bucket_middle(b) AS CASE WHEN b = 0 THEN 0.0::DOUBLE
     WHEN b = 300000 THEN 'NaN'::DOUBLE WHEN abs(b) = 200000 THEN sign(b) * 'Infinity'::DOUBLE
     ELSE sign(b) * pow(1.005::DOUBLE / 0.995, abs(b) - 80001) * 0.995 END`,
  // between two neighbouring values, part of the way: as DuckDB's quantile_cont does it for each kind of type
  `CREATE MACRO tidemark_between_number(low, high, part) AS
     CASE WHEN part = 0 THEN low::DOUBLE ELSE low::DOUBLE * (1.0::DOUBLE - part) + high::DOUBLE * part END`,
  // in the column's own precision, rounded at each step
  `CREATE MACRO tidemark_between_float(low, high, part) AS
     CASE WHEN part = 0 THEN low ELSE low + CAST((high - low)::DOUBLE * part AS FLOAT) END`,
  `CREATE MACRO tidemark_between_micros(low, high, part) AS CASE WHEN part = 0 THEN low
     ELSE round(low::DOUBLE * (1.0::DOUBLE - part) + high::DOUBLE * part)::BIGINT END`,
  `CREATE MACRO tidemark_between_unscaled(low, high, part) AS
     low + trunc((high - low)::DOUBLE * part)::BIGINT`,
];
