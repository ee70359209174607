/**
 * SQL macros that every session has. They exist because DuckDB's own avg divides in 80-bit long doubles: a
 * quotient of doubles differs from it in the last place for a quarter of all groups with large sums, and floor,
 * round or HAVING then flip. These reproduce that division exactly in 128-bit integers, so that an average
 * merged from parts equals plain SQL bit for bit.
 *
 * Their length is what a query pays to be planned, for every use: what is used twice is bound once, as a
 * lambda's parameter.
 */
export const macros: readonly string[] = [
  // u moved up until its highest bit is 2^126
  `CREATE MACRO tidemark_high(u) AS u << (127 - length(bin(u)))::UHUGEINT`,
  // the 64 bits of a long double from such a number: / 2^63, rounded half to even
  `CREATE MACRO tidemark_mantissa(w) AS (w + 4611686018427387903 + ((w >> 63) & 1)) >> 63`,
  // sum / count as avg gives it, for n < 2^60: the quotient then has two bits more than a long double, and its
  // lowest bit is set for any remainder, so that it rounds right. Below the first bounds a division of
  // doubles is provably the same.
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
  // avg of times: HUGEINT division with DuckDB's own rounding (up only when the remainder exceeds half, towards
  // zero below it)
  `CREATE MACRO tidemark_avg_micros(total, n) AS CASE WHEN n = 0 OR total IS NULL THEN NULL
     ELSE (total // n + (total % n > n // 2)::HUGEINT)::BIGINT END`,
  // Chan's formula over a list of parts {n, x, y, s}: numbers, means and co-moments about them. Where all means
  // of one side are equal nothing is added, so that what does not vary has exactly 0.
  `CREATE MACRO tidemark_comoment(parts) AS list_transform([parts], lambda l: list_transform([{l: l,
       n: list_sum(list_transform(l, lambda p: p.n))::DOUBLE,
       x: list_sum(list_transform(l, lambda p: p.n * p.x)), y: list_sum(list_transform(l, lambda p: p.n * p.y))}], lambda t:
     list_sum(list_transform(t.l, lambda p: p.s)) + CASE
       WHEN list_min(list_transform(t.l, lambda p: p.x)) = list_max(list_transform(t.l, lambda p: p.x))
         OR list_min(list_transform(t.l, lambda p: p.y)) = list_max(list_transform(t.l, lambda p: p.y)) THEN 0.0
       ELSE list_sum(list_transform(t.l, lambda p: p.n * (p.x - t.x / t.n) * (p.y - t.y / t.n))) END)[1])[1]`,
  // high 10^19 + low: first the halves are brought to one sign, so that nothing on the way is larger than the whole
  `CREATE MACRO tidemark_joined(high, low) AS list_transform([{h: high, l: low}], lambda w:
     list_transform([{h: w.h + w.l // 10000000000000000000::HUGEINT, l: w.l % 10000000000000000000::HUGEINT}], lambda p:
     list_transform([CASE WHEN p.h > 0 AND p.l < 0 THEN 1 WHEN p.h < 0 AND p.l > 0 THEN -1 ELSE 0 END::HUGEINT], lambda c:
       (p.h - c) * 10000000000000000000::HUGEINT + (p.l + c * 10000000000000000000::HUGEINT))[1])[1])[1]`,
  // an integer in units of the last of `scale` digits behind the point, as a text
  `CREATE MACRO tidemark_pointed(units, scale) AS list_transform([units::VARCHAR], lambda t: CASE WHEN scale = 0 THEN t ELSE
     list_transform([replace(t, '-', '')], lambda d: concat(CASE WHEN t[1] = '-' THEN '-' ELSE '' END,
       list_transform([lpad(d, greatest(length(d), scale + 1)::INTEGER, '0')], lambda z: left(z, -scale) || '.' || right(z, scale))[1]))[1] END)[1]`,
  // Sums without rounding. A double lies in the stretch of 32 powers of two that its size does; in 97 where it
  // is not finite.
  `CREATE MACRO tidemark_stretch(x) AS CASE WHEN x = 0 THEN 0 WHEN isfinite(x) THEN floor(log2(abs(x)) / 32)::INTEGER
     WHEN x IS NOT NULL THEN 97 END`,
  // how many units of 2^(32 b - 54) it is: a whole number below 2^87, also where the logarithm was rounded to
  // the next stretch
  `CREATE MACRO tidemark_units(x) AS CASE WHEN isfinite(x) THEN
     (x * pow(2.0, 27 - 16 * tidemark_stretch(x)) * pow(2.0, 27 - 16 * tidemark_stretch(x)))::HUGEINT WHEN x IS NOT NULL THEN 1::HUGEINT END`,
  `CREATE MACRO tidemark_stretch_end(b) AS pow(2.0, 32 * (b + 1))`,
  // the double nearest to u 2^e, for u of 54 bits or more; in two steps, since 2^e may be 0 or infinite where
  // the double is not
  `CREATE MACRO tidemark_nearest(u, e) AS list_transform([length(bin(u)) - 53], lambda drop:
     ((u + (1::UHUGEINT << (drop - 1)::UHUGEINT) - 1 + ((u >> drop::UHUGEINT) & 1)) >> drop::UHUGEINT)::DOUBLE
       * pow(2.0, (e + drop) // 2) * pow(2.0, (e + drop) - (e + drop) // 2))[1]`,
  // The sum of stretches' units, a list of {b, s}, as the nearest double; NaN beyond those. Units become digits
  // of base 2^32 from -2^31 to 2^31, highest first, so that the first that is not 0 has the sum's sign; of what
  // lies below the first three only the sign is asked for.
  `CREATE MACRO tidemark_exact_sum(parts) AS list_transform([parts], lambda l: CASE WHEN l IS NULL THEN NULL
     WHEN list_max(list_transform(l, lambda p: p.b)) = 97 THEN 'NaN'::DOUBLE
     ELSE list_transform([list_max(list_transform(l, lambda p: p.b)) + 4], lambda top:
     list_transform([list_reduce(list_prepend([0::HUGEINT], list_transform(range(list_min(list_transform(l, lambda p: p.b)), top + 1), lambda b:
       [coalesce(list_sum(list_transform(list_filter(l, lambda p: p.b = b), lambda p: p.s)), 0)::HUGEINT])),
       lambda a, e: list_transform([a[1] + e[1]], lambda t: list_transform([t // 4294967296 + t % 4294967296 // 2147483648], lambda c:
         list_concat([c, t - c * 4294967296], a[2:]))[1])[1])[2:]], lambda digits:
     list_transform([list_position(list_transform(digits, lambda d: d <> 0), true)], lambda first: CASE WHEN coalesce(first, 0) = 0 THEN 0.0::DOUBLE ELSE
     list_transform([(digits[first] * 18446744073709551616::HUGEINT + coalesce(digits[first + 1], 0) * 4294967296 + coalesce(digits[first + 2], 0)) * 4
       + sign(coalesce(list_filter(digits[first + 3:], lambda d: d <> 0)[1], 0))], lambda w:
     list_transform([sign(w) * tidemark_nearest(abs(w)::UHUGEINT, 32 * (top - first - 1) - 56)], lambda r:
       CASE WHEN isinf(r) THEN 'NaN'::DOUBLE ELSE r END)[1])[1] END)[1])[1])[1] END)[1]`,
  // the same from what needs no lists where there are no more than two stretches, side by side: the sums of the
  // even and of the odd ones
  `CREATE MACRO tidemark_sum_of_stretches(low, high, even, odd, parts) AS CASE
     WHEN high - low <= 1 AND high < 31 AND greatest(abs(even), abs(odd)) < 9903520314283042199192993792 THEN
       list_transform([CASE WHEN low % 2 = 0 THEN coalesce(even, 0) + coalesce(odd, 0) * 4294967296 ELSE coalesce(odd, 0) + coalesce(even, 0) * 4294967296 END],
         lambda w: CASE WHEN abs(w) < 9007199254740992 THEN w::DOUBLE * pow(2.0, 16 * low - 27) * pow(2.0, 16 * low - 27)
           ELSE sign(w) * tidemark_nearest(abs(w)::UHUGEINT, 32 * low - 54) END)[1]
     ELSE tidemark_exact_sum(parts) END`,
  // HyperLogLog: the place of the highest bit of 52, counted from the top; 53 where there is none
  `CREATE MACRO tidemark_rank(w) AS CAST(53 - length(bin(w)) + (w = 0)::INTEGER AS TINYINT)`,
  // Ertl's estimator ("New cardinality estimation algorithms for HyperLogLog sketches", 2017) without bias at
  // any size; `filled` of 4096 registers have ranks, and inverse is the sum of 2^(53 - rank) over them. Whole
  // numbers, so that order does not matter.
  `CREATE MACRO tidemark_cardinality(filled, inverse) AS CASE WHEN filled = 0 THEN 0::BIGINT ELSE
     list_transform([(4096 - filled) / 4096.0::DOUBLE], lambda zero: round(4096.0::DOUBLE * 4096 / (2 * ln(2.0::DOUBLE)) /
       (4096 * (zero + list_sum(list_transform(range(1, 30), lambda k: pow(zero, pow(2, k)) * pow(2, k - 1))))
         + inverse::DOUBLE / 9007199254740992)))[1]::BIGINT END`,
  // DDSketch at half of the stated 1 %, which leaves room for rounding to whole numbers: bucket i holds g^(i-1)
  // < x <= g^i for g = 1.005/0.995, numbered such that buckets sort as their values do
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
