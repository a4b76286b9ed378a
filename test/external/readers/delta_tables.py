"""Writes Delta tables by the deltalake library, and what the library reads in each of their versions.

Usage: delta_tables.py FOLDER. Prints a list of {table, input, expected}: a Parquet file of the rows.
"""

import datetime
import decimal
import json
import os
import random
import sys

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable, PostCommitHookProperties, QueryBuilder, write_deltalake

FOLDER = sys.argv[1]
CASES = []
SEED = int(os.environ.get("SEED", "1"))

TEXTS = [
    "plain",
    "two words",
    "a/b\\c",
    "é",
    "日本",
    "🦆",
    "50%",
    "%41",
    "a=b",
    "a+b",
    "?x#y",
    "'q\"q'",
    "{c}:d;e",
    "tab\there",
    "line\nbreak",
    ".",
    "..",
    "~!@$^&*()[]|,<>`",
    None,
]


def utc(*parts):
    return datetime.datetime(*parts, tzinfo=datetime.timezone.utc)


TYPES = {
    "string": (pa.string(), TEXTS),
    "long": (pa.int64(), [0, -1, 2**63 - 1, -(2**63), None]),
    "integer": (pa.int32(), [0, -1, 2**31 - 1, -(2**31), None]),
    "short": (pa.int16(), [0, -(2**15), 2**15 - 1, None]),
    "byte": (pa.int8(), [0, -128, 127, None]),
    "boolean": (pa.bool_(), [True, False, None]),
    "double": (pa.float64(), [0.0, -1.5, 1e25, 0.1, float("inf"), None]),
    "float": (pa.float32(), [0.0, -1.5, 0.25, None]),
    "date": (pa.date32(), [datetime.date(2024, 2, 29), datetime.date(1969, 12, 31), datetime.date(1, 1, 1), None]),
    "timestamp": (
        pa.timestamp("us", "UTC"),
        [utc(2024, 1, 1), utc(1969, 12, 31, 23, 59, 59, 999999), utc(2024, 7, 1, 12, 30, 15, 120000), None],
    ),
    "timestamp_ntz": (
        pa.timestamp("us"),
        [datetime.datetime(2024, 1, 1), datetime.datetime(1960, 5, 6, 7, 8, 9, 10), None],
    ),
    "decimal": (
        pa.decimal128(38, 10),
        [decimal.Decimal("0"), decimal.Decimal("-12345.0678901234"), decimal.Decimal(10**27), None],
    ),
    "small_decimal": (pa.decimal128(5, 2), [decimal.Decimal("1.20"), decimal.Decimal("-999.99"), None]),
}


def rows_of(table):
    """All rows, by the reader of the library that knows the table's features."""
    if table.protocol().min_reader_version < 3:
        return table.to_pyarrow_table()
    return pa.table(QueryBuilder().register("rows", table).execute("SELECT * FROM rows").read_all())


def record(name):
    """Notes the rows of each version of a table, as the library reads them."""
    path = os.path.join(FOLDER, name)
    for version in range(DeltaTable(path).version() + 1):
        try:
            table = DeltaTable(path, version=version)
        except Exception:
            continue  # Its log is gone.
        if len(table.file_uris()) == 0:
            continue
        rows = rows_of(table)
        expected = os.path.join(FOLDER, f"{name}-{version}.parquet")
        pq.write_table(rows, expected)
        CASES.append({"table": name, "input": {"delta": {"version": version}}, "expected": expected})


def path_of(name):
    return os.path.join(FOLDER, name)


def values_table(seed=0, rows=40):
    """A column of each type, plain and nested, with all of its values."""
    random.seed(seed)
    columns = {"id": pa.array(range(rows), pa.int64())}
    for name, (kind, values) in TYPES.items():
        columns[name] = pa.array([values[at % len(values)] for at in range(rows)], kind)
    columns["binary"] = pa.array([None if at % 3 == 0 else bytes([at, 0, 255]) for at in range(rows)], pa.binary())
    columns["list"] = pa.array(
        [None if at % 5 == 0 else [None if x == 1 else x for x in range(at % 4)] for at in range(rows)],
        pa.list_(pa.int32()),
    )
    columns["struct"] = pa.array(
        [
            None
            if at % 7 == 0
            else {"a": at, "when": utc(2024, 1, 1 + at % 28), "inner": {"texts": [str(at), None]}}
            for at in range(rows)
        ],
        pa.struct(
            [
                ("a", pa.int64()),
                ("when", pa.timestamp("us", "UTC")),
                ("inner", pa.struct([("texts", pa.list_(pa.string()))])),
            ]
        ),
    )
    columns["map"] = pa.array(
        [None if at % 6 == 0 else [(f"k{x}", x * 1.5) for x in range(at % 3)] for at in range(rows)],
        pa.map_(pa.string(), pa.float64()),
    )
    return pa.table(columns)


def types():
    write_deltalake(path_of("types"), values_table())
    record("types")


def partitions():
    for name, (kind, values) in TYPES.items():
        if pa.types.is_decimal(kind):
            # The library writes negative decimals as `-1.-2`, and then cannot read them.
            values = [None if value is None else abs(value) for value in values]
        table = pa.table(
            {
                "id": pa.array(range(2 * len(values)), pa.int64()),
                "part of": pa.array(values * 2, kind),
                "x": pa.array([float(at) for at in range(2 * len(values))], pa.float64()),
            }
        )
        write_deltalake(path_of(f"by {name}"), table, partition_by=["part of"])
        record(f"by {name}")
    # Several columns, none of which is the last.
    table = values_table(rows=30)
    write_deltalake(path_of("by three"), table, partition_by=["date", "string", "boolean"])
    write_deltalake(path_of("by three"), table, mode="append")
    record("by three")


def evolution():
    name = "evolved"
    nested = pa.struct([("a", pa.int64())])
    wider = pa.struct([("a", pa.int64()), ("b", pa.list_(pa.string()))])
    write_deltalake(path_of(name), pa.table({"id": [1, 2], "s": pa.array([{"a": 1}, None], nested)}))
    more = pa.table(
        {"id": [3], "s": pa.array([{"a": 2, "b": ["x", None]}], wider), "added": pa.array(["new"], pa.string())}
    )
    write_deltalake(path_of(name), more, mode="append", schema_mode="merge")
    last = pa.table({"id": [4], "when": pa.array([utc(2024, 1, 1)], pa.timestamp("us", "UTC"))})
    write_deltalake(path_of(name), last, mode="append", schema_mode="merge")
    record(name)
    write_deltalake(path_of(name), pa.table({"other": [1.5]}), mode="overwrite", schema_mode="overwrite")
    record(name)


def history(seed):
    """Random commits: appends, deletions, updates, merges, compactions, overwrites, checkpoints, clean-ups."""
    random.seed(seed)
    name = f"history {seed}"
    path = path_of(name)
    hooks = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)
    next_id = 0

    def rows(count):
        nonlocal next_id
        ids = list(range(next_id, next_id + count))
        next_id += count
        return pa.table(
            {
                "id": pa.array(ids, pa.int64()),
                "part": pa.array([random.choice(TEXTS) for _ in ids], pa.string()),
                "value": pa.array([None if at % 4 == 0 else at / 3 for at in ids], pa.float64()),
            }
        )

    write_deltalake(path, rows(20), partition_by=["part"] if seed % 2 == 0 else None)
    for _ in range(14):
        table = DeltaTable(path)
        kind = random.choice(["append", "append", "append", "delete", "update", "merge", "optimize", "overwrite", "checkpoint"])
        some = random.randrange(max(1, next_id))
        if kind == "append":
            write_deltalake(path, rows(random.randrange(1, 30)), mode="append", post_commithook_properties=hooks)
        elif kind == "delete":
            table.delete(f"id % 5 = {some % 5}")
        elif kind == "update":
            table.update(predicate=f"id < {some}", updates={"value": "value + 1"})
        elif kind == "merge":
            table.merge(rows(5), "t.id = s.id + 3", source_alias="s", target_alias="t").when_matched_update(
                updates={"value": "s.value"}
            ).when_not_matched_insert_all().execute()
        elif kind == "optimize":
            table.optimize.compact()
        elif kind == "overwrite":
            write_deltalake(path, rows(10), mode="overwrite", post_commithook_properties=hooks)
        else:
            table.create_checkpoint()
    record(name)


def checkpointed(name):
    """A table whose first commits are only in its checkpoint. Returns the paths of log and checkpoint."""
    path = path_of(name)
    for start in range(0, 40, 10):
        ids = range(start, start + 10)
        table = pa.table({"id": pa.array(ids, pa.int64()), "part": [f"p {at % 2}" for at in ids]})
        write_deltalake(path, table, mode="append", partition_by=["part"])
    DeltaTable(path).delete("id = 7 OR id = 18")
    DeltaTable(path).create_checkpoint()
    write_deltalake(path, pa.table({"id": pa.array([99], pa.int64()), "part": ["p 0"]}), mode="append")
    log = os.path.join(path, "_delta_log")
    for version in range(5):
        os.remove(os.path.join(log, f"{version:020}.json"))
    return log, os.path.join(log, f"{4:020}.checkpoint.parquet")


def checkpoints():
    """Checkpoints in one file, in several parts, and with sidecars. The library reads all of them."""
    checkpointed("one checkpoint")
    record("one checkpoint")

    log, path = checkpointed("parts")
    actions = pq.read_table(path)
    os.remove(path)
    for part in range(3):
        rows = actions.filter(pa.array([at % 3 == part for at in range(len(actions))]))
        pq.write_table(rows, os.path.join(log, f"{4:020}.checkpoint.{part + 1:010}.{3:010}.parquet"))
    os.remove(os.path.join(log, "_last_checkpoint"))
    # A checkpoint without all of its parts counts for nothing.
    pq.write_table(actions, os.path.join(log, f"{5:020}.checkpoint.{1:010}.{2:010}.parquet"))
    record("parts")

    for kind in ["parquet", "json"]:
        name = f"sidecars {kind}"
        log, path = checkpointed(name)
        actions = pq.read_table(path).to_pylist()
        adds = [{"add": action["add"]} for action in actions if action["add"] is not None]
        os.makedirs(os.path.join(log, "_sidecars"))
        sidecars = []
        schema = pq.read_schema(path)
        for at in range(2):
            side = os.path.join(log, "_sidecars", f"016ae953-37a9-438e-8683-9a9a4a79a39{at}.parquet")
            fields = pa.schema([schema.field("add"), schema.field("remove")])
            rows = [{"add": add["add"], "remove": None} for add in adds[at::2]]
            pq.write_table(pa.Table.from_pylist(rows, schema=fields), side)
            size = os.path.getsize(side)
            sidecars.append({"path": os.path.basename(side), "sizeInBytes": size, "modificationTime": 0})
        protocol = {
            "minReaderVersion": 3,
            "minWriterVersion": 7,
            "readerFeatures": ["v2Checkpoint"],
            "writerFeatures": ["v2Checkpoint", "appendOnly", "invariants"],
        }
        metadata = next(action["metaData"] for action in actions if action["metaData"] is not None)
        if isinstance(metadata["configuration"], list):
            metadata["configuration"] = dict(metadata["configuration"])
        metadata["format"]["options"] = {}
        top = [
            {"protocol": protocol},
            {"metaData": metadata},
            {"checkpointMetadata": {"version": 4}},
            *({"sidecar": sidecar} for sidecar in sidecars),
        ]
        os.remove(path)
        os.remove(os.path.join(log, "_last_checkpoint"))
        target = os.path.join(log, f"{4:020}.checkpoint.3a0d65cd-4056-49b8-937b-95f9e3ee90e5.{kind}")
        if kind == "json":
            with open(target, "w") as file:
                file.writelines(json.dumps(action) + "\n" for action in top)
        else:
            side = pa.struct(
                [("path", pa.string()), ("sizeInBytes", pa.int64()), ("modificationTime", pa.int64())]
            )
            texts = pa.list_(pa.string())
            kinds = pa.struct(
                [
                    ("minReaderVersion", pa.int32()),
                    ("minWriterVersion", pa.int32()),
                    ("readerFeatures", texts),
                    ("writerFeatures", texts),
                ]
            )
            fields = [
                pa.field("protocol", kinds),
                schema.field("metaData"),
                pa.field("checkpointMetadata", pa.struct([("version", pa.int64())])),
                pa.field("sidecar", side),
            ]
            metadata["format"]["options"] = []
            metadata["configuration"] = list(metadata["configuration"].items())
            pq.write_table(pa.Table.from_pylist(top, schema=pa.schema(fields)), target)
        record(name)


os.makedirs(FOLDER, exist_ok=True)
types()
partitions()
evolution()
checkpoints()
for seed in range(SEED, SEED + 4):
    history(seed)
print(json.dumps(CASES))
