"""Writes Iceberg tables by pyiceberg, and what it reads in each of their snapshots.

Usage: iceberg_tables.py FOLDER. Prints a list of {table, input, expected}: a Parquet file of the rows.
"""

import datetime
import decimal
import json
import os
import random
import sys
import uuid

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.expressions import GreaterThan, LessThan
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import BucketTransform, DayTransform, IdentityTransform, TruncateTransform
from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FixedType,
    FloatType,
    IntegerType,
    ListType,
    LongType,
    MapType,
    NestedField,
    StringType,
    StructType,
    TimestampType,
    TimestamptzType,
    TimeType,
    UUIDType,
)

FOLDER = sys.argv[1]
RANDOM = random.Random(int(os.environ.get("SEED", "1")))
CASES = []
UTC = datetime.timezone.utc

TYPES = {
    "boolean": (BooleanType(), [True, False]),
    "int": (IntegerType(), [0, -1, 2**31 - 1, -(2**31)]),
    "long": (LongType(), [0, -1, 2**63 - 1, -(2**63)]),
    "float": (FloatType(), [0.0, -1.5, 0.25, float("inf")]),
    "double": (DoubleType(), [0.0, -1.5, 0.1, float("nan"), -float("inf")]),
    "decimal": (DecimalType(9, 2), [decimal.Decimal("1.20"), decimal.Decimal("-9999999.99")]),
    "big_decimal": (DecimalType(38, 10), [decimal.Decimal("-12345.0678901234"), decimal.Decimal(10**27)]),
    "date": (DateType(), [datetime.date(2024, 2, 29), datetime.date(1969, 12, 31)]),
    "time": (TimeType(), [datetime.time(0, 0), datetime.time(23, 59, 59, 999999)]),
    "timestamp": (TimestampType(), [datetime.datetime(2024, 1, 1), datetime.datetime(1960, 5, 6, 7, 8, 9, 10)]),
    "timestamptz": (TimestamptzType(), [datetime.datetime(2024, 7, 1, 12, 30, 15, 120000, UTC)]),
    "string": (StringType(), ["plain", "a/b\\c", "é 日本 🦆", "50%", "a=b&c", "", "'q\"q'"]),
    "uuid": (UUIDType(), [uuid.UUID(int=1).bytes, uuid.UUID(int=2**127).bytes]),
    "fixed": (FixedType(3), [b"abc", b"\x00\xff\x01"]),
    "binary": (BinaryType(), [b"", b"\x00\xff"]),
}
NESTED = StructType(
    NestedField(101, "u", IntegerType()),
    NestedField(102, "v", ListType(103, StringType(), element_required=False)),
)


def save(table, name, **options):
    """Keeps what the library reads in a snapshot."""
    scan = table.scan(snapshot_id=int(options["snapshot"])) if "snapshot" in options else table.scan()
    path = os.path.join(FOLDER, f"{len(CASES)}.parquet")
    pq.write_table(scan.to_arrow(), path)
    CASES.append({"table": os.path.relpath(table.location()[len("file://") :], FOLDER), "input": {"iceberg": options}, "expected": path})


def pick(values, rows):
    return [RANDOM.choice([*values, None]) for _ in range(rows)]


def rows_of(table, rows):
    """Random rows with the columns that a table has now."""
    schema = table.schema().as_arrow()
    columns = []
    for field in table.schema().fields:
        arrow = schema.field(field.name).type
        if field.name == "id":
            columns.append(pa.array(RANDOM.sample(range(10**6), rows), arrow))
        elif isinstance(field.field_type, StructType):
            values = [{"u": i, "v": ["x", None]} if i % 3 else None for i in range(rows)]
            columns.append(pa.array(values, arrow))
        elif isinstance(field.field_type, MapType):
            columns.append(pa.array([[("k", i)] if i % 2 else None for i in range(rows)], arrow))
        else:
            values = next(v for t, v in TYPES.values() if t == field.field_type)
            columns.append(pa.array(pick(values, rows), pa.binary(16) if str(arrow) == "uuid" else arrow))
    return pa.table(columns, schema=pa.schema([f.with_nullable(f.nullable) for f in schema]))


def each_type(catalog):
    """A table of all types, and one partitioned by each type."""
    fields = [NestedField(1, "id", LongType(), required=False)]
    fields += [NestedField(2 + i, name, kind) for i, (name, (kind, _)) in enumerate(TYPES.items())]
    fields += [
        NestedField(60, "s", NESTED),
        NestedField(70, "m", MapType(71, StringType(), 72, IntegerType(), value_required=False)),
    ]
    table = catalog.create_table("n.all", schema=Schema(*fields))
    table.append(rows_of(table, 40))
    table.append(rows_of(table, 3))
    save(table, "all")
    for name, (kind, _) in TYPES.items():
        schema = Schema(NestedField(1, "id", LongType()), NestedField(2, name, kind))
        for label, transform in {"identity": IdentityTransform(), "bucket": BucketTransform(3)}.items():
            if label == "bucket" and name in ("boolean", "float", "double"):
                continue
            if name == "time" or (label == "identity" and name in ("uuid", "fixed", "binary", "double", "float")):
                continue
            spec = PartitionSpec(PartitionField(2, 1000, transform, f"{name}_part"))
            table = catalog.create_table(f"n.{label}_{name}", schema=schema, partition_spec=spec)
            table.append(rows_of(table, 12))
            save(table, name)


def evolving(catalog):
    """A table whose columns and partitions change between commits, with rows that are deleted."""
    schema = Schema(
        NestedField(1, "id", LongType()),
        NestedField(2, "string", StringType()),
        NestedField(3, "int", IntegerType()),
        NestedField(4, "float", FloatType()),
        NestedField(5, "s", NESTED),
        NestedField(6, "date", DateType()),
    )
    spec = PartitionSpec(PartitionField(6, 1000, DayTransform(), "day"))
    table = catalog.create_table("n.evolving", schema=schema, partition_spec=spec)

    def commit():
        table.append(rows_of(table, 10))
        table.refresh()
        save(table, "evolving", snapshot=str(table.current_snapshot().snapshot_id))

    commit()
    with table.update_schema() as update:
        update.rename_column("string", "text").add_column("decimal", DecimalType(9, 2))
    commit()
    with table.update_schema(allow_incompatible_changes=True) as update:
        update.update_column("int", LongType()).update_column("float", DoubleType())
    commit()
    with table.update_spec() as update:
        update.add_field("text", TruncateTransform(2), "text_start").remove_field("day")
    commit()
    with table.update_schema(allow_incompatible_changes=True) as update:
        update.delete_column("int").rename_column("s.u", "w").move_first("decimal")
    table.delete(GreaterThan("id", 700_000))
    save(table, "evolving", snapshot=str(table.current_snapshot().snapshot_id))
    table.overwrite(rows_of(table, 5), overwrite_filter=LessThan("id", 200_000))
    save(table, "evolving")


def main():
    os.makedirs(FOLDER, exist_ok=True)
    catalog = SqlCatalog("c", uri=f"sqlite:///{FOLDER}/catalog.db", warehouse=f"file://{FOLDER}")
    catalog.create_namespace("n")
    each_type(catalog)
    evolving(catalog)
    print(json.dumps(CASES))


main()
