"""Makes the files beside it: the same few rows as different writers write them. Needs pandas, polars, pyarrow, fastparquet, duckdb (versions.txt has those
that wrote them) and, for the Spark ones, pyspark and Java; what can't be imported is passed over."""
import datetime as dt, decimal, os, sys
here = os.path.dirname(os.path.abspath(__file__))
at = lambda name: os.path.join(here, name)
versions = [f"python {sys.version.split()[0]}"]
D = decimal.Decimal
N = 3
ids = [1, 2, 3]
names = ["a", "ü, \"q\"", None]
whole = [517.0, None, -3.0]
instants = [dt.datetime(2024, 7, 1, 0, 30, tzinfo=dt.timezone.utc), None, dt.datetime(1969, 12, 31, 23, 59, 59, 5, tzinfo=dt.timezone.utc)]
naive = [each and each.replace(tzinfo=None) for each in instants]
days = [dt.date(2024, 2, 29), None, dt.date(1, 1, 1)]
lists = [[1.5, float("nan"), None], None, []]
structs = [{"x": 1, "y": "z"}, None, {"x": None, "y": ""}]
decimals = [D("5.00"), None, D("-7.00")]

import pyarrow as pa, pyarrow.parquet as pq, pyarrow.ipc as ipc
versions.append(f"pyarrow {pa.__version__}")
table = pa.table({
    "id": pa.array(ids, pa.int64()), "name": pa.array(names, pa.string()), "whole": pa.array(whole, pa.float64()),
    "at": pa.array(instants, pa.timestamp("us", tz="UTC")), "naive": pa.array(naive, pa.timestamp("us")), "day": pa.array(days, pa.date32()),
    "lf": pa.array(lists, pa.list_(pa.float64())), "st": pa.array(structs, pa.struct([("x", pa.int64()), ("y", pa.string())])),
    "cents": pa.array(decimals, pa.decimal128(10, 2)), "raw": pa.array([b"\x00\xff", None, b""], pa.binary()),
    "j": pa.array(['{"a": [1, 2]}', None, '"text"'], pa.string()), "m": pa.array([[("k", 1)], None, []], pa.map_(pa.string(), pa.int64())),
    "clock": pa.array([dt.time(23, 59, 59, 999999), None, dt.time(0)], pa.time64("us")), "ok": pa.array([True, None, False]),
})
pq.write_table(table, at("pyarrow.parquet"))
# what old writers wrote: INT96, and text without a mark
old = table.select(["id", "whole", "naive", "cents"]).append_column("name", table["name"].cast(pa.binary())).append_column("j", table["j"].cast(pa.binary()))
pq.write_table(old, at("old-types.parquet"), use_deprecated_int96_timestamps=True, version="1.0", store_schema=False)
# each codec, page and encoding that readers have to know
for codec, page, dictionary in [("none", "1.0", True), ("snappy", "2.0", True), ("gzip", "1.0", False), ("zstd", "2.0", False), ("lz4", "2.0", True), ("brotli", "1.0", True)]:
    many = pa.concat_tables([table.drop(["m"])] * 40)
    pq.write_table(many, at(f"codec-{codec}.parquet"), compression=codec, data_page_version=page, use_dictionary=dictionary, row_group_size=50, store_schema=False)
pq.write_table(table.select(["id", "name", "whole", "naive", "ok"]), at("encodings.parquet"), use_dictionary=False, version="2.6", store_schema=False,
    column_encoding={"id": "DELTA_BINARY_PACKED", "name": "DELTA_BYTE_ARRAY", "whole": "BYTE_STREAM_SPLIT", "naive": "DELTA_BINARY_PACKED", "ok": "RLE"})
more = table.append_column("dict", pa.array(["a", "a", None]).dictionary_encode()).append_column("took", pa.array([5, None, -1], pa.duration("ms"))).append_column("big", pa.array([["x"], None, []], pa.large_list(pa.large_string()))).append_column("view", pa.array(["a text of more than twelve bytes", "short", None], pa.string_view())).append_column("fixed", pa.array([b"0123456789abcdef", None, b"\xff" * 16], pa.binary(16))).append_column("pair", pa.array([[1, 2], None, [3, None]], pa.list_(pa.int64(), 2))).append_column("neg", pa.array([D("12300"), None, D("-100")], pa.decimal128(10, -2)))
for codec in [None, "lz4", "zstd"]:
    with ipc.new_stream(at(f"pyarrow-{codec or 'plain'}.arrows"), more.schema, options=ipc.IpcWriteOptions(compression=codec)) as out: out.write_table(more)
with ipc.new_file(at("pyarrow.arrow"), more.schema, options=ipc.IpcWriteOptions(compression="zstd")) as out: out.write_table(more, max_chunksize=2)

try:
    import pandas as pd
    versions.append(f"pandas {pd.__version__}")
    pd.DataFrame({"id": ids, "name": names, "whole": whole, "at": pd.to_datetime(instants, utc=True), "naive": pd.to_datetime(naive), "ok": [True, None, False]}).to_parquet(at("pandas.parquet"))
    import fastparquet
    versions.append(f"fastparquet {fastparquet.__version__}")
    pd.DataFrame({"id": ids, "name": ["a", "b", "c"], "whole": whole, "naive": pd.to_datetime(naive)}).to_parquet(at("fastparquet.parquet"), engine="fastparquet")
except ImportError as error: print(error)
try:
    import polars as pl
    versions.append(f"polars {pl.__version__}")
    frame = pl.from_arrow(table.drop(["m"]))
    frame.write_parquet(at("polars.parquet"))
    frame.write_ipc(at("polars.arrow"))
    frame.write_ipc(at("polars-lz4.arrow"), compression="lz4")
    frame.write_ipc_stream(at("polars.arrows"))
except ImportError as error: print(error)
try:
    import duckdb
    versions.append(f"duckdb {duckdb.__version__}")
    con = duckdb.connect()
    con.sql("SET TimeZone='UTC'")
    con.register("src", table); con.sql("CREATE TABLE t AS SELECT * FROM src")
    con.sql(f"COPY t TO '{at('duckdb.parquet')}' (FORMAT parquet)")
    rows = con.execute("FROM t").to_arrow_table()
    with ipc.new_stream(at("duckdb.arrows"), rows.schema) as out: out.write_table(rows)
except ImportError as error: print(error)
try:
    import nanoarrow, nanoarrow.ipc
    versions.append(f"nanoarrow {nanoarrow.__version__}")
    with open(at("nanoarrow.arrows"), "wb") as out, nanoarrow.ipc.StreamWriter.from_writable(out) as writer: writer.write_stream(table.drop(["m"]))
except ImportError as error: print(error)
try:
    import arro3.io, arro3.core
    versions.append(f"arro3-io {__import__('importlib.metadata', fromlist=['version']).version('arro3-io')}")
    arro3.io.write_ipc(more, at("arrow-rs.arrow"), compression="lz4")
    arro3.io.write_ipc_stream(more, at("arrow-rs.arrows"), compression="zstd")
except ImportError as error: print(error)
try:
    import pyspark, shutil, glob
    from pyspark.sql import SparkSession
    spark = SparkSession.builder.master("local[1]").config("spark.driver.bindAddress", "127.0.0.1").config("spark.driver.host", "127.0.0.1").config("spark.sql.session.timeZone", "UTC").config("spark.ui.enabled", "false").getOrCreate()
    versions.append(f"pyspark {pyspark.__version__}")
    frame = spark.sql("""SELECT * FROM VALUES (1L, 'a', 517.0D, timestamp'2024-07-01 00:30:00', date'2024-02-29', array(1.5D, double('NaN'), null), map('k', 1L), 5.00BD, X'00FF'),
      (2L, null, null, null, null, null, null, null, null),
      (3L, '', -3.0D, timestamp'1969-12-31 23:59:59.000005', date'9999-12-31', array(), map(), -7.00BD, X'') AS t(id, name, whole, at, day, lf, m, cents, raw)""").selectExpr("id", "name", "whole", "at", "day", "lf", "m", "CAST(cents AS DECIMAL(10,2)) AS cents", "raw",
      "CASE WHEN id = 1 THEN named_struct('x', id, 'y', name) END AS st", "id = 1 AS ok")
    # INT96 is Spark's default; its legacy format has decimals as FIXED_LEN_BYTE_ARRAY and lists of another shape
    for name, kind, legacy in [("spark", "TIMESTAMP_MICROS", "false"), ("spark-int96", "INT96", "false"), ("spark-legacy", "INT96", "true")]:
        spark.conf.set("spark.sql.parquet.outputTimestampType", kind)
        spark.conf.set("spark.sql.parquet.writeLegacyFormat", legacy)
        frame.coalesce(1).write.mode("overwrite").parquet("/tmp/spark-out")
        shutil.copy(glob.glob("/tmp/spark-out/*.parquet")[0], at(f"{name}.parquet"))
except ImportError as error: print(error)
if len(sys.argv) > 1: versions += [line.strip() for line in open(sys.argv[1]) if line.strip()]
with open(at("versions.txt"), "a" if len(sys.argv) > 1 else "w") as out: out.write("\n".join(versions) + "\n")
