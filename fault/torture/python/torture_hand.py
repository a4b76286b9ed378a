"""Writes the files of a case, and checks the published output, with pyarrow only. torture_hand.py reads
requests as lines of JSON, and answers each with one line.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
import traceback
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.feather  # noqa: F401  (imported here, so that a missing module fails at once)
import pyarrow.ipc as ipc
import pyarrow.parquet as pq

Type = dict[str, Any]
UNITS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
OUTPUT_COLUMN = "y"


def main() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        case, folder = request["case"], Path(request["folder"])
        try:
            answer = {"problems": TASKS[request["do"]](case, folder)}
        except pa.ArrowException as error:
            # Skips cases with files that pyarrow cannot write or cannot read back.
            answer = {"skip": str(error)} if request["do"] == "make" else {"error": traceback.format_exc()}
        except Exception:
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), flush=True)


# --- types -----------------------------------------------------------------------------------------------------------


def arrow_type(of: Type) -> pa.DataType:
    kind = of["kind"]
    if kind in SIMPLE:
        return SIMPLE[kind]
    match kind:
        case "decimal":
            make_decimal = pa.decimal256 if of["bits"] == 256 else pa.decimal128
            return make_decimal(of["precision"], of["scale"])
        case "time":
            return pa.time32(of["unit"]) if of["unit"] in ("s", "ms") else pa.time64(of["unit"])
        case "timestamp":
            return pa.timestamp(of["unit"], tz=of["zone"])
        case "duration":
            return pa.duration(of["unit"])
        case "fixedBinary":
            return pa.binary(of["bytes"])
        case "list":
            return pa.list_(arrow_type(of["item"]))
        case "largeList":
            return pa.large_list(arrow_type(of["item"]))
        case "fixedList":
            return pa.list_(arrow_type(of["item"]), of["length"])
        case "struct":
            return pa.struct(fields_of(of))
        case "sparseUnion":
            return pa.sparse_union(fields_of(of))
        case "denseUnion":
            return pa.dense_union(fields_of(of))
        case "map":
            return pa.map_(arrow_type(of["key"]), arrow_type(of["value"]))
        case "dictionary":
            return pa.dictionary(pa.int32(), arrow_type(of["value"]))
        case "runEnds":
            return pa.run_end_encoded(pa.int32(), arrow_type(of["value"]))
    raise ValueError(f"unsupported Arrow type: {of}")


def fields_of(of: Type) -> list[pa.Field]:
    return [pa.field(field["name"], arrow_type(field["type"])) for field in of["fields"]]


SIMPLE: dict[str, pa.DataType] = {
    **{name: getattr(pa, name)() for name in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")},
    "float16": pa.float16(),
    "float32": pa.float32(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
    "string": pa.string(),
    "largeString": pa.large_string(),
    "binary": pa.binary(),
    "largeBinary": pa.large_binary(),
    "stringView": pa.string_view(),
    "binaryView": pa.binary_view(),
    "date32": pa.date32(),
    "date64": pa.date64(),
    "monthInterval": pa.month_day_nano_interval(),
    "null": pa.null(),
}

# --- values ----------------------------------------------------------------------------------------------------------

ALPHABETS = ["abcdefghij", "äöüßéñ", "日本語漢字", "😀🎉👩‍👩‍👧", "\x00\x01\t\n", "'\"\\%$,;", "עברית"]


class Values:
    """Arrays of any type, from a seed."""

    def __init__(self, seed: int, longest: int, all_long: bool = False) -> None:
        self.all_long = all_long
        self.chance = random.Random(seed)
        self.numbers = np.random.default_rng(seed)
        self.longest = longest

    def mask(self, rows: int, nulls: float) -> pa.Array | None:
        if nulls == 0:
            return None
        return pa.array(self.numbers.random(rows) < nulls)

    def array(self, of: Type, rows: int, nulls: float) -> pa.Array:
        kind = of["kind"]
        if kind == "null":
            return pa.nulls(rows)
        if kind in ("sparseUnion", "denseUnion", "runEnds"):
            return self.without_mask(of, rows)
        return self.masked(of, rows, self.mask(rows, nulls))

    def without_mask(self, of: Type, rows: int) -> pa.Array:
        if of["kind"] == "runEnds":
            cuts = np.unique(np.append(self.numbers.integers(1, rows + 1, rows // 3), rows)) if rows else np.array([], int)
            values = self.array(of["value"], len(cuts), 0.2)
            return pa.RunEndEncodedArray.from_arrays(pa.array(cuts, pa.int32()), values)
        names = [field["name"] for field in of["fields"]]
        children = [self.array(field["type"], rows, 0) for field in of["fields"]]
        kinds = pa.array(self.numbers.integers(0, len(children), rows), pa.int8())
        if of["kind"] == "sparseUnion":
            return pa.UnionArray.from_sparse(kinds, children, names)
        offsets = pa.array(np.arange(rows), pa.int32())
        return pa.UnionArray.from_dense(kinds, offsets, children, names)

    def masked(self, of: Type, rows: int, mask: pa.Array | None) -> pa.Array:
        kind, target = of["kind"], arrow_type(of)
        if kind in ("list", "largeList", "map"):
            return self.lists(of, rows, mask, target)
        if kind == "fixedList":
            values = self.array(of["item"], rows * of["length"], 0.1)
            return pa.FixedSizeListArray.from_arrays(values, type=target, mask=mask)
        if kind == "struct":
            children = [self.array(field["type"], rows, 0.2) for field in of["fields"]]
            return pa.StructArray.from_arrays(children, fields=fields_of(of), mask=mask)
        if kind == "dictionary":
            size = 1 + self.chance.randrange(5)
            words = pc.unique(self.array(of["value"], size, 0))
            indices = pa.array(self.numbers.integers(0, len(words), rows), pa.int32())
            return pa.DictionaryArray.from_arrays(null_where(indices, mask), words)
        return null_where(self.plain(of, rows), mask)

    def lists(self, of: Type, rows: int, mask: pa.Array | None, target: pa.DataType) -> pa.Array:
        lengths = self.numbers.integers(0, min(5, self.longest), rows)
        if rows and self.longest > 12:
            lengths[0] = min(self.longest, 100_000)
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        # A long list of long items would exceed any machine's memory.
        longest = self.longest
        self.longest = max(12, longest // max(1, int(offsets[-1])))
        try:
            return self.listed(of, lengths, offsets, mask, target)
        finally:
            self.longest = longest

    def listed(
        self, of: Type, lengths: np.ndarray, offsets: np.ndarray, mask: pa.Array | None, target: pa.DataType
    ) -> pa.Array:
        if of["kind"] == "map":
            keys = [f"k{j}" if of["key"]["kind"] == "string" else j for length in lengths for j in range(length)]
            values = self.array(of["value"], int(offsets[-1]), 0.2)
            key_array = pa.array(keys, arrow_type(of["key"]))
            return pa.MapArray.from_arrays(pa.array(offsets, pa.int32()), key_array, values, type=target, mask=mask)
        values = self.array(of["item"], int(offsets[-1]), 0.1)
        large = of["kind"] == "largeList"
        offset_array = pa.array(offsets, pa.int64() if large else pa.int32())
        make_list = pa.LargeListArray if large else pa.ListArray
        return make_list.from_arrays(offset_array, values, type=target, mask=mask)

    def plain(self, of: Type, rows: int) -> pa.Array:
        kind, target = of["kind"], arrow_type(of)
        if kind.startswith(("int", "uint")):
            return pa.array(self.integers(np.dtype(kind), rows), target)
        if kind.startswith("float"):
            return pa.array(self.floats(kind, rows), target)
        if kind == "bool":
            return pa.array(self.numbers.random(rows) < 0.5)
        if kind in ("string", "largeString", "stringView"):
            return pa.array([self.text() for _ in range(rows)], target)
        if kind in ("binary", "largeBinary", "binaryView"):
            return pa.array([self.blob() for _ in range(rows)], target)
        if kind == "fixedBinary":
            return pa.array([self.chance.randbytes(of["bytes"]) for _ in range(rows)], target)
        if kind == "decimal":
            return self.decimals(of, rows, target)
        if kind == "monthInterval":
            triples = self.numbers.integers(-1000, 1000, (rows, 3)).tolist()
            return pa.array([pa.MonthDayNano([months, days, nanos * 1001]) for months, days, nanos in triples], target)
        return self.times(of, rows, target)

    def integers(self, dtype: np.dtype, rows: int) -> np.ndarray:
        info = np.iinfo(dtype)
        values = self.numbers.integers(info.min, info.max, rows, dtype=dtype, endpoint=True)
        small = self.numbers.random(rows) < 0.5
        values[small] = (values[small] % 100).astype(dtype)
        ends = self.numbers.random(rows)
        values[ends < 0.02] = info.min
        values[ends > 0.98] = info.max
        return values

    def floats(self, kind: str, rows: int) -> np.ndarray:
        values = (self.numbers.standard_normal(rows) * 100).astype(kind)
        ends = self.numbers.random(rows)
        for share, value in ((0.01, np.nan), (0.02, np.inf), (0.03, -np.inf), (0.04, -0.0), (0.05, 0.0)):
            values[(ends < share) & (ends >= share - 0.01)] = value
        return values

    def length(self) -> int:
        if self.all_long:
            return self.longest
        # Most failures involve one long item among short ones.
        return self.chance.randrange(self.longest + 1) if self.chance.random() < 0.2 else self.chance.randrange(12)

    def text(self) -> str:
        letters = self.chance.choice(ALPHABETS)
        length = self.length()
        if length > 50:
            return (letters * (length // len(letters) + 1))[:length]
        return "".join(self.chance.choice(letters) for _ in range(length))

    def blob(self) -> bytes:
        return self.chance.randbytes(self.length())

    def decimals(self, of: Type, rows: int, target: pa.DataType) -> pa.Array:
        most = 10 ** of["precision"] - 1
        width = of["bits"] // 8
        raw = b"".join(self.chance.randint(-most, most).to_bytes(width, "little", signed=True) for _ in range(rows))
        return pa.Array.from_buffers(target, rows, [None, pa.py_buffer(raw)])

    def times(self, of: Type, rows: int, target: pa.DataType) -> pa.Array:
        kind = of["kind"]
        if kind == "date32":
            return pa.array(self.numbers.integers(-700_000, 2_000_000, rows), pa.int32()).view(target)
        if kind == "date64":
            return pa.array(self.numbers.integers(-700_000, 2_000_000, rows) * 86_400_000, pa.int64()).view(target)
        unit = UNITS[of["unit"]]
        if kind == "time":
            of_day = self.numbers.integers(0, 86_400 * 10**9 // unit, rows)
            return pa.array(of_day, pa.int32() if of["unit"] in ("s", "ms") else pa.int64()).view(target)
        # 1700 to 2250: the range of nanoseconds.
        ticks = self.numbers.integers(-8_500_000_000 * 10**9 // unit, 8_800_000_000 * 10**9 // unit, rows)
        return pa.array(ticks, pa.int64()).view(target)


def null_where(array: pa.Array, mask: pa.Array | None) -> pa.Array:
    if mask is None:
        return array
    if array.type in (pa.string_view(), pa.binary_view()):
        plain = pa.string() if array.type == pa.string_view() else pa.binary()
        return null_where(array.cast(plain), mask).cast(array.type)
    return pc.if_else(mask, pa.nulls(len(array), array.type), array)


# --- making ----------------------------------------------------------------------------------------------------------


def make(case: dict[str, Any], folder: Path) -> list[str]:
    first = 0
    for number, file in enumerate(case["files"]):
        table = table_of(case, number, file["rows"], first)
        path = folder / "data" / file["name"]
        if case["format"] == "arrow":
            write_arrow(case, table, path)
        else:
            write_parquet(case, table, path)
        read_input(case, path)
        first += file["rows"]
    return []


def table_of(case: dict[str, Any], number: int, rows: int, first: int) -> pa.Table:
    seed = case["storage"]["seed"] + number * 1009
    names = [case["id"], case["x"]["name"]]
    columns = [pa.array(np.arange(first, first + rows), pa.int64()), model_column(case["x"], rows, seed)]
    for place, column in enumerate(case["kept"]):
        values = Values(seed + 31 * (place + 1), column["longest"], column.get("long") == "all")
        names.append(column["name"])
        columns.append(values.array(column["type"], rows, column["nulls"]))
    order = list(range(len(names)))
    random.Random(case["storage"]["seed"]).shuffle(order)
    return pa.table([columns[place] for place in order], names=[names[place] for place in order])


def model_column(x: dict[str, Any], rows: int, seed: int) -> pa.Array:
    values = Values(seed, 12)
    mask = values.mask(rows, x["nulls"])
    if x["shape"] == "scalar":
        return null_where(values.plain({"kind": x["dtype"]}, rows), mask)
    if x["shape"] == "binary":
        return null_where(pa.array([values.chance.randbytes(x["width"]) for _ in range(rows)], pa.binary()), mask)
    items = values.plain({"kind": x["dtype"]}, rows * x["width"])
    if x["shape"] == "fixedList":
        return pa.FixedSizeListArray.from_arrays(items, x["width"], mask=mask)
    offsets = pa.array(np.arange(rows + 1) * x["width"], pa.int32())
    return pa.ListArray.from_arrays(offsets, items, mask=mask)


def write_arrow(case: dict[str, Any], table: pa.Table, path: Path) -> None:
    storage = case["storage"]
    codec = None if storage["codec"] == "none" else storage["codec"]
    # Unions have a validity bitmap in V4, which pyarrow no longer writes.
    version = ipc.MetadataVersion.V5 if has_union(case) or storage["version"] == "V5" else ipc.MetadataVersion.V4
    options = ipc.IpcWriteOptions(compression=codec, metadata_version=version, unify_dictionaries=True)
    with ipc.new_file(str(path), table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=case["groupRows"])


def has_union(case: dict[str, Any]) -> bool:
    return "Union" in json.dumps(case["kept"])


def write_parquet(case: dict[str, Any], table: pa.Table, path: Path) -> None:
    storage = case["storage"]
    dictionary = storage["dictionary"]
    options: dict[str, Any] = {}
    flat = [field.name for field in table.schema if "." not in field.name]
    if not dictionary and storage["split"]:
        options["use_byte_stream_split"] = [n for n in flat if table.schema.field(n).type in (pa.float32(), pa.float64())]
    elif not dictionary and storage["delta"]:
        options["column_encoding"] = {n: DELTAS[t] for n in flat if (t := table.schema.field(n).type) in DELTAS}
    pq.write_table(
        table,
        str(path),
        compression=storage["codec"],
        data_page_version=storage["pages"],
        version=storage["version"],
        use_dictionary=dictionary,
        row_group_size=case["groupRows"],
        data_page_size=storage["pageBytes"],
        store_schema=storage["arrowSchema"],
        write_page_index=storage["pageIndex"],
        write_page_checksum=storage["checksums"],
        use_deprecated_int96_timestamps=storage["int96"],
        allow_truncated_timestamps=True,
        **options,
    )


DELTAS = {
    pa.int32(): "DELTA_BINARY_PACKED",
    pa.int64(): "DELTA_BINARY_PACKED",
    pa.string(): "DELTA_BYTE_ARRAY",
    pa.binary(): "DELTA_LENGTH_BYTE_ARRAY",
}

# --- judging ---------------------------------------------------------------------------------------------------------


def judge(case: dict[str, Any], folder: Path) -> list[str]:
    problems: list[str] = []
    out = folder / "out"
    manifest = json.loads((out / "_manifest.json").read_text())
    for file in manifest["files"]:
        content = (out / file["path"]).read_bytes()
        if len(content) != file["bytes"] or hashlib.sha256(content).hexdigest() != file["sha256"]:
            problems.append(f"{file['path']} differs from the manifest")
    given = pa.concat_tables([read_input(case, folder / "data" / file["name"]) for file in case["files"]])
    # Views cannot be filtered.
    given = pa.table([whole(column) for column in given.columns], names=given.column_names)
    mappable = pc.is_valid(given[case["x"]["name"]])
    expected = given.filter(mappable)
    got = read_output([out / file["path"] for file in manifest["files"] if file["kind"] == "rows"])
    if len(got) != len(expected):
        return [*problems, f"{len(expected)} rows are due, {len(got)} were published"]
    problems += judge_columns(case, expected, got)
    problems += judge_dead_letters(case, given.filter(pc.invert(mappable)), manifest, out)
    if case["reduce"]:
        problems += judge_counts(case, expected, pq.read_table(out / "_reduced" / "counts.pq"))
    return problems


def read_input(case: dict[str, Any], path: Path) -> pa.Table:
    if case["format"] == "arrow":
        with ipc.open_file(str(path)) as reader:
            return reader.read_all()
    return pq.ParquetFile(path).read()


def read_output(paths: list[Path]) -> pa.Table:
    tables = []
    for path in paths:
        if path.suffix == ".arrow":
            with ipc.open_file(str(path)) as reader:
                tables.append(reader.read_all())
        else:
            tables.append(pq.ParquetFile(path).read())
        tables[-1].validate(full=True)
    return pa.concat_tables(tables)


def judge_columns(case: dict[str, Any], expected: pa.Table, got: pa.Table) -> list[str]:
    names = [case["id"], *[column["name"] for column in case["kept"]]]
    wanted = [*names, OUTPUT_COLUMN]
    if sorted(got.column_names) != sorted(wanted):
        return [f"columns {wanted} are due, {got.column_names} were published"]
    problems = []
    for name in names:
        problems += column_problems(name, expected[name], got[name])
    x = expected[case["x"]["name"]]
    if case["x"]["shape"] == "binary":
        numbers = np.frombuffer(b"".join(x.to_pylist()), np.uint8)
        x = pa.chunked_array([pa.FixedSizeListArray.from_arrays(pa.array(numbers), case["x"]["width"])])
    if case["x"]["width"] == 1 and pa.types.is_primitive(got[OUTPUT_COLUMN].type):
        # An output with one value per row is stored as that value.
        x = pa.chunked_array([whole(x).flatten()])
    # The model received the values as numbers of its own type, whatever the file's type is.
    x = x.cast(retyped(x.type, arrow_type({"kind": case["x"]["dtype"]})))
    if len(got):
        problems += column_problems(OUTPUT_COLUMN, x, got[OUTPUT_COLUMN])
    return problems


def retyped(kind: pa.DataType, item: pa.DataType) -> pa.DataType:
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(item, kind.list_size)
    return pa.list_(item) if pa.types.is_list(kind) else item


def column_problems(name: str, expected: pa.ChunkedArray, got: pa.ChunkedArray) -> list[str]:
    where = difference(whole(expected), whole(got), "")
    return [] if where is None else [f"column {name!r} ({expected.type} in, {got.type} out): {where}"]


def whole(chunked: pa.ChunkedArray) -> pa.Array:
    """Returns one array of the values in their normal type, which may have more than 2 GiB."""
    return pa.concat_arrays([normal(chunk) for chunk in chunked.chunks]) if chunked.num_chunks else normal(pa.array([], chunked.type))


def normal(array: pa.Array) -> pa.Array:
    """Returns the same values in the one type for all of its forms, from offset 0."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        return normal(array.dictionary_decode())
    if pa.types.is_run_end_encoded(kind):
        return normal(pc.run_end_decode(array))
    if kind in (pa.string(), pa.string_view()):
        return array.cast(pa.large_string())
    if kind in (pa.binary(), pa.binary_view()):
        return array.cast(pa.large_binary())
    if pa.types.is_date64(kind):
        return array.cast(pa.date32())
    if kind == pa.time32("s"):
        return array.cast(pa.time32("ms"))
    if pa.types.is_timestamp(kind) and kind.unit == "s":
        return array.cast(pa.timestamp("ms", kind.tz))
    if isinstance(array, pa.ExtensionArray):
        return normal(array.storage)
    return pa.concat_arrays([array])


def difference(a: pa.Array, b: pa.Array, path: str) -> str | None:
    """Returns the first place where two arrays differ, to the bit, or None."""
    if pa.types.is_null(a.type) or pa.types.is_null(b.type):
        return None if a.null_count == b.null_count == len(a) == len(b) else f"{path}: {a.type} became {b.type}"
    if len(a) != len(b):
        return f"{path}: {len(a)} values are due, found {len(b)}"
    if family(a.type) != family(b.type):
        return f"{path}: {a.type} became {b.type}"
    if not pa.types.is_union(a.type):
        nulls = np.asarray(pc.is_null(a)) != np.asarray(pc.is_null(b))
        if nulls.any():
            return f"{path}: only one value is null at {int(nulls.argmax())}"
    if pa.types.is_list(a.type) or pa.types.is_large_list(a.type) or pa.types.is_fixed_size_list(a.type):
        if not same(a.drop_null().value_lengths(), b.drop_null().value_lengths()):
            return f"{path}: lists have different lengths"
        return difference(normal(a.drop_null().flatten()), normal(b.drop_null().flatten()), f"{path}[]")
    if pa.types.is_struct(a.type):
        return struct_difference(a, b, path)
    if pa.types.is_map(a.type):
        return struct_difference(entries(a), entries(b), f"{path}{{}}") if map_lengths(a) == map_lengths(b) else f"{path}: maps have different sizes"
    if pa.types.is_union(a.type):
        return None if a.to_pylist() == b.to_pylist() else f"{path}: unions have different values"
    return leaf_difference(a, b, path)


def struct_difference(a: pa.Array, b: pa.Array, path: str) -> str | None:
    a, b = a.drop_null(), b.drop_null()
    names = [field.name for field in a.type]
    if names != [field.name for field in b.type]:
        if not path.endswith("{}"):
            return f"{path}: fields {names} became {[field.name for field in b.type]}"
    for place, (left, right) in enumerate(zip(a.flatten(), b.flatten())):
        found = difference(normal(left), normal(right), f"{path}.{names[place]}")
        if found is not None:
            return found
    return None


def entries(array: pa.Array) -> pa.Array:
    taken = from_zero(array.drop_null())
    return pa.StructArray.from_arrays([taken.keys, taken.items], ["key", "value"])


def from_zero(array: pa.Array) -> pa.Array:
    """Returns an array whose offsets begin at 0, so that the children contain only its values."""
    return array.take(pa.array(np.arange(len(array)), pa.int64()))


def map_lengths(array: pa.Array) -> list[int]:
    offsets = from_zero(array.drop_null()).offsets
    return np.diff(np.asarray(offsets)).tolist() if len(offsets) else []


def family(kind: pa.DataType) -> str:
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return "list"
    if pa.types.is_struct(kind) or pa.types.is_map(kind) or pa.types.is_union(kind):
        return str(kind.id)
    return str(kind)


def leaf_difference(a: pa.Array, b: pa.Array, path: str) -> str | None:
    if a.type != b.type:
        return f"{path}: {a.type} became {b.type}"
    a, b = a.drop_null(), b.drop_null()
    if same(a, b):
        return None
    for row, (left, right) in enumerate(zip(a, b)):
        if not same(pa.array([left.as_py()], a.type), pa.array([right.as_py()], b.type)):
            return f"{path}: value {row} is {shown(left)}, due {shown(right)}"[:300]
    return f"{path}: values differ"


def same(a: pa.Array, b: pa.Array) -> bool:
    """Returns true for equal arrays. NaN equals NaN, and 0 does not equal -0."""
    if pa.types.is_floating(a.type):
        width = {2: pa.int16(), 4: pa.int32(), 8: pa.int64()}[a.type.bit_width // 8]
        nans = np.isnan(a.to_numpy(zero_copy_only=False)) & np.isnan(b.to_numpy(zero_copy_only=False))
        bits = np.asarray(a.view(width)) == np.asarray(b.view(width))
        return bool((nans | bits).all())
    return a.equals(b)


def shown(value: pa.Scalar) -> str:
    text = repr(value)
    return text if len(text) < 100 else f"{text[:100]}..."


def judge_dead_letters(case: dict[str, Any], dead: pa.Table, manifest: dict[str, Any], out: Path) -> list[str]:
    paths = [out / file["path"] for file in manifest["files"] if file["kind"] == "errors"]
    letters = [row for path in paths for row in pq.read_table(path).to_pylist()]
    starts = np.cumsum([0, *[file["rows"] for file in case["files"]]])
    due = set()
    for row in dead[case["id"]].to_pylist():
        number = int(np.searchsorted(starts, row, side="right")) - 1
        due.add((case["files"][number]["name"], row - int(starts[number])))
    found = [(Path(letter["file"]).name, letter["row"]) for letter in letters]
    if len(found) != len(due) or set(found) != due:
        return [f"dead letters: due {sorted(due)[:5]} ({len(due)}), found {sorted(found)[:5]} ({len(found)})"]
    return []


def judge_counts(case: dict[str, Any], expected: pa.Table, counts: pa.Table) -> list[str]:
    row = counts.to_pylist()[0] if len(counts) else {}
    due = {"n": len(expected)}
    for place, column in enumerate(case["kept"]):
        values = expected[column["name"]]
        due[f"c{place}"] = len(values) - (values.null_count if not pa.types.is_union(values.type) else 0)
    found = {key: int(value or 0) for key, value in row.items()}
    return [] if found == due else [f"reduced counts: due {due}, found {found}"]


TASKS = {"make": make, "judge": judge}

if __name__ == "__main__":
    main()
