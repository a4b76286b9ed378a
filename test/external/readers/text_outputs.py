"""Makes tables of many types, and judges how other programs read the text that was written of them."""

import base64
import datetime as dt
import gzip
import json
import math
import random
import sys
from decimal import Decimal
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import zstandard

ROWS = 60
TEXTS = ["", " ", 'a"b', "a,b", "l1\nl2", "c\r\nd", "é 日本 😀", "NULL", "NaN", "'", "\\", "\\n", "{}", "[1]", "\ttab", "0"]
UNITS = ["s", "ms", "us", "ns"]
FLOATS = [0.0, -0.0, 0.1, 1 / 3, 1e16, 1e300, -1e-300, 5e-324, 1.7976931348623157e308, math.nan, math.inf, -math.inf]
SINGLES = [0.0, -0.0, 0.1, 1e-45, 3.4028235e38, 16777217.0, math.nan, math.inf, -math.inf]


def plain_makers(rng):
    """Returns, by name, an Arrow type and a function that makes a value."""
    made = {}
    for bits in (8, 16, 32, 64):
        low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        made[f"int{bits}"] = (getattr(pa, f"int{bits}")(), lambda a=low, b=high: rng.choice([a, b, 0, rng.randint(a, b)]))
        made[f"uint{bits}"] = (getattr(pa, f"uint{bits}")(), lambda b=2 * high + 1: rng.choice([b, 0, rng.randint(0, b)]))
    made["float16"] = (pa.float16(), lambda: rng.choice([0.5, -0.0, 65504.0, 6e-08, math.nan, math.inf]))
    made["float32"] = (pa.float32(), lambda: rng.choice([*SINGLES, rng.uniform(-1e9, 1e9)]))
    made["float64"] = (pa.float64(), lambda: rng.choice([*FLOATS, rng.uniform(-1e9, 1e9)]))
    made["bool"] = (pa.bool_(), lambda: rng.random() < 0.5)
    made["string"] = (pa.string(), lambda: rng.choice(TEXTS) + rng.choice(["", *TEXTS]))
    made["binary"] = (pa.binary(), lambda: rng.randbytes(rng.randint(0, 6)))
    made["date32"] = (pa.date32(), lambda: dt.date.fromordinal(rng.randint(1, 3652059)))
    made["decimal15"] = (pa.decimal128(15, 4), lambda: Decimal(rng.randint(-(10**15) + 1, 10**15 - 1)).scaleb(-4))
    made["decimal38"] = (pa.decimal128(38, 10), lambda: Decimal(rng.randint(-(10**38) + 1, 10**38 - 1)).scaleb(-10))
    made["time_us"] = (pa.time64("us"), lambda: rng.randint(0, 86_399_999_999))
    made["time_ms"] = (pa.time32("ms"), lambda: rng.randint(0, 86_399_999))
    for unit, per_second in zip(UNITS, (1, 10**3, 10**6, 10**9)):
        most = 4_000_000_000 * per_second
        made[f"timestamp_{unit}"] = (pa.timestamp(unit), lambda m=most: rng.randint(-m, m))
        if unit != "ns":
            made[f"instant_{unit}"] = (pa.timestamp(unit, "Europe/Berlin"), lambda m=most: rng.randint(-m, m))
    return made


def nested_makers(rng, plain):
    """Returns lists, structs and maps of the plain types."""
    made = {}
    for name in ("int64", "float64", "string", "decimal38", "binary", "timestamp_us", "bool"):
        kind, make = plain[name]
        some = lambda make=make: None if rng.random() < 0.2 else make()
        item = lambda some=some: [some() for _ in range(rng.randint(0, 3))]
        made[f"list_{name}"] = (pa.list_(kind), item)
        made[f"struct_{name}"] = (pa.struct([("a", kind), ("b c", pa.list_(kind))]), lambda some=some, item=item: {"a": some(), "b c": rng.choice([None, item()])})
        made[f"map_{name}"] = (pa.map_(pa.string(), kind), lambda some=some: [(f"k{at}", some()) for at in range(rng.randint(0, 3))])
    return made


def make(folder, seed):
    """Writes one Arrow file for each type, and one of all plain types."""
    rng = random.Random(seed)
    plain = plain_makers(rng)
    for name, (kind, value) in {**plain, **nested_makers(rng, plain)}.items():
        values = [None if rng.random() < 0.15 else value() for _ in range(ROWS)]
        column = pa.array([None if v is None else v for v in values], kind)
        table = pa.table({"id": pa.array(range(ROWS), pa.int64()), "v": column})
        with pa.ipc.new_file(str(folder / f"{name}.arrow"), table.schema) as writer:
            writer.write_table(table)


def text_of(value):
    """Returns one form for equal values, whatever class a reader gives them."""
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, float) or type(value).__name__ in ("float16", "float32", "float64"):
        number = float(value)
        return "nan" if math.isnan(number) else repr(number)
    if isinstance(value, dict):
        return {key: text_of(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [text_of(each) for each in value]
    if isinstance(value, Decimal):
        return str(value)
    return str(value)


SQL = {"float16": "FLOAT", "float": "FLOAT", "halffloat": "FLOAT", "double": "DOUBLE", "string": "VARCHAR", "binary": "VARCHAR", "bool": "BOOLEAN", "date32[day]": "DATE"}


def sql_type(kind):
    """Returns DuckDB's type. Bytes are base64 text."""
    if pa.types.is_list(kind):
        return sql_type(kind.value_type) + "[]"
    if pa.types.is_struct(kind):
        return "STRUCT(" + ", ".join(f'"{field.name}" {sql_type(field.type)}' for field in kind) + ")"
    if pa.types.is_map(kind):
        return f"MAP(VARCHAR, {sql_type(kind.item_type)})"
    if pa.types.is_decimal(kind):
        return f"DECIMAL({kind.precision}, {kind.scale})"
    if pa.types.is_timestamp(kind):
        return "TIMESTAMPTZ" if kind.tz else ("TIMESTAMP_NS" if kind.unit == "ns" else "TIMESTAMP")
    if pa.types.is_time(kind):
        return "TIME"
    name = str(kind)
    return SQL.get(name) or {"int8": "TINYINT", "int16": "SMALLINT", "int32": "INTEGER", "int64": "BIGINT"}.get(name) or {"uint8": "UTINYINT", "uint16": "USMALLINT", "uint32": "UINTEGER", "uint64": "UBIGINT"}[name]


def has(kind, test):
    """Checks a type and all types inside it."""
    inner = [kind.field(at).type for at in range(kind.num_fields)]
    return test(kind) or any(has(each, test) for each in inner)


def by_duckdb(table, path):
    """Counts rows that DuckDB reads with other values than the table has."""
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    kind = table.schema.field("v").type
    if kind == pa.float16():  # DuckDB does not import it. Float32 has the same values.
        table = table.cast(pa.schema([table.schema.field("id"), ("v", pa.float32())]))
    con.register("t", table)
    columns = "{'id': 'BIGINT', 'v': '" + sql_type(kind).replace("'", "''") + "'}"
    is_csv = ".csv" in path.name
    read = f"read_csv('{path}', columns = {columns}, allow_quoted_nulls = false, header = true, quote = '\"', escape = '\"')" if is_csv else f"read_json('{path}', columns = {columns})"
    if has(kind, pa.types.is_binary):
        # Bytes are compared as base64, which Python computes.
        found = [text_of(v) for (v,) in con.execute(f"SELECT v FROM {read} ORDER BY id").fetchall()]
        return sum(a != b for a, b in zip(found, expected_of(table)))
    (count,) = con.execute(f"SELECT count(*) FROM {read}").fetchone()
    wrong = con.execute(f"SELECT count(*) FROM t JOIN {read} f USING (id) WHERE t.v::{sql_type(kind)} IS DISTINCT FROM f.v").fetchone()[0]
    return wrong + abs(ROWS - count)


def expected_of(table):
    """Returns the forms of a table's values. Maps are dictionaries."""
    values = table["v"].to_pylist()
    kind = table.schema.field("v").type
    return [text_of(dict(v) if pa.types.is_map(kind) and v is not None else v) for v in values]


def converted(value, kind):
    """Returns the value that a text or a JSON value stands for."""
    if value is None or (not isinstance(value, (str, list, dict, bytes)) and pd.isna(value) and not pa.types.is_floating(kind)):
        return None
    if pa.types.is_list(kind):
        return [converted(each, kind.value_type) for each in value]
    if pa.types.is_struct(kind):
        return {field.name: converted(value[field.name], field.type) for field in kind}
    if pa.types.is_map(kind):
        return {key: converted(each, kind.item_type) for key, each in value.items() if each is not None or key in value}
    if pa.types.is_floating(kind):
        return None if value is None or value == "" else float(value)
    if pa.types.is_decimal(kind):
        return Decimal(str(value)).quantize(Decimal(1).scaleb(-kind.scale), context=__import__("decimal").Context(prec=60))
    if pa.types.is_integer(kind):
        return int(value)
    if pa.types.is_boolean(kind):
        return value if isinstance(value, bool) else {"true": True, "false": False}[value]
    if pa.types.is_date(kind):
        return dt.date.fromisoformat(str(value))
    if pa.types.is_time(kind):
        return dt.time.fromisoformat(value)
    if pa.types.is_timestamp(kind):
        found = pd.Timestamp(value)
        return found.tz_convert(kind.tz) if kind.tz else found
    return value


def same(found, table, empties=False):
    """Counts rows with other values.

    :param empties: the reader takes empty texts for null
    """
    kind = table.schema.field("v").type
    wrong = 0
    for value, own in zip(found, table["v"].to_pylist(), strict=True):
        if pa.types.is_map(kind) and own is not None:
            own = dict(own)
        if pa.types.is_timestamp(kind) and own is not None:
            own = pd.Timestamp(own)
        if has(kind, pa.types.is_timestamp) and pa.types.is_nested(kind):
            own, made = json.loads(json.dumps(own, default=lambda v: str(pd.Timestamp(v)))), json.loads(json.dumps(converted(value, kind), default=lambda v: str(pd.Timestamp(v))))
        else:
            made = converted(value, kind)
        if empties and own in ("", b"") and made is None:
            continue
        wrong += text_of(made) != text_of(own)
    return wrong


def by_pandas(table, path):
    """Counts rows that pandas reads with other values. In CSV, it reads all as text, as users do for exact types."""
    kind = table.schema.field("v").type
    if ".csv" in path.name:
        if not pa.types.is_floating(kind):
            frame = pd.read_csv(path, dtype={"v": str}, keep_default_na=False, na_values=[""])
            return same([None if pd.isna(v) else v for v in frame["v"]], table, empties=True)
        dtype = "float64" if kind == pa.float64() else "float32"
        values = pd.read_csv(path, dtype={"v": dtype}, float_precision="round_trip")["v"]
        texts = pd.read_csv(path, dtype=str, keep_default_na=False)["v"]
        return same([None if text == "" else v for v, text in zip(values, texts)], table)
    if has(kind, pa.types.is_float64) or kind == pa.uint64():
        # `read_json` refuses subnormal numbers, and rounds whole numbers beyond int64. Docs name this way.
        frame = pd.DataFrame(map(json.loads, lines_of(path)), dtype=object)
    elif pa.types.is_integer(kind):
        frame = pd.read_json(path, lines=True, dtype_backend="pyarrow", engine="pyarrow")
    else:
        frame = pd.read_json(path, lines=True, dtype=False, convert_dates=False, precise_float=True)
    values = [None if v is pd.NA or (isinstance(v, float) and math.isnan(v)) else v for v in frame["v"].tolist()]
    return same(values, table)


def lines_of(path):
    """Returns the lines of a file, decompressed."""
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    if path.suffix == ".zst":
        data = zstandard.ZstdDecompressor().stream_reader(data).read()
    return data.decode().split("\n")[:-1]


def polars_type(kind):
    """Returns the Polars type of a JSON column. Values that JSON has as text are text."""
    if pa.types.is_list(kind):
        return pl.List(polars_type(kind.value_type))
    if pa.types.is_struct(kind):
        return pl.Struct({field.name: polars_type(field.type) for field in kind})
    if pa.types.is_integer(kind):
        return pl.UInt64 if str(kind).startswith("u") else pl.Int64
    return pl.Boolean if pa.types.is_boolean(kind) else pl.String


def by_polars(table, path):
    """Counts rows that Polars reads with other values."""
    kind = table.schema.field("v").type
    if ".csv" in path.name:
        column = pl.read_csv(path, infer_schema=False)["v"]
    else:
        if pa.types.is_map(kind):
            return 0
        column = pl.read_ndjson(path, schema={"id": pl.Int64, "v": polars_type(kind)})["v"]
    if pa.types.is_floating(kind):
        column = column.cast(pl.Float64 if kind == pa.float64() or ".json" in path.name else pl.Float32)
    return same(column.to_list(), table)


def judge(folder):
    """Prints, as JSON, each file and reader with rows that differ."""
    wrong, calls = [], 0
    for source in sorted(folder.glob("*.arrow")):
        table = pa.ipc.open_file(str(source)).read_all()
        kind = table.schema.field("v").type
        for path in sorted([*folder.glob(f"{source.stem}.csv*"), *folder.glob(f"{source.stem}.jsonl*")]):
            # In CSV, nested values are DuckDB's text, which only DuckDB parses.
            readers = [by_duckdb] if ".csv" in path.name and pa.types.is_nested(kind) else [by_duckdb, by_pandas, by_polars]
            for reader in readers:
                calls += 1
                try:
                    count = reader(table, path)
                except Exception as error:
                    count = f"{type(error).__name__}: {error}"[:300]
                if count != 0:
                    wrong.append([path.name, reader.__name__, count])
    print(json.dumps({"calls": calls, "wrong": wrong}))


if __name__ == "__main__":
    command, place, *rest = sys.argv[1:]
    make(Path(place), int(rest[0])) if command == "make" else judge(Path(place))
