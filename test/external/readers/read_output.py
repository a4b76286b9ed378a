"""Reads the rows of published outputs, each as one dataset, by the shortest calls that users type.

    read_output.py READER CASES
CASES is a JSON list. A case has the place of an output ("root": a path or s3://bucket/folder), whether its
rows are in folders ("folders") or in runs ("runs"), and the expected columns in order.
Prints a list for each case and call: the call, all columns that were found, and the rows. Each value is text,
or null.
The settings of s3:// are AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION.
"""

import json
import os
import sys
from glob import glob


def is_s3(root):
    return root.startswith("s3://")


def with_duckdb(root, **_):
    import duckdb

    connection = duckdb.connect()
    if is_s3(root):
        load_httpfs(connection)
    yield "FROM 'out/**/*.parquet'", connection.sql(f"FROM '{root}/**/*.parquet'").arrow()


def load_httpfs(connection):
    """Loads the extension from its package, without a download."""
    import importlib.util

    (folder,) = importlib.util.find_spec("duckdb_extension_httpfs").submodule_search_locations
    (extension,) = glob(f"{folder}/**/httpfs.duckdb_extension", recursive=True)
    connection.load_extension(extension)
    endpoint = os.environ["AWS_ENDPOINT_URL"].removeprefix("http://")
    connection.sql(
        f"""CREATE SECRET (TYPE s3, KEY_ID '{os.environ["AWS_ACCESS_KEY_ID"]}', SECRET '{os.environ["AWS_SECRET_ACCESS_KEY"]}',
            REGION '{os.environ["AWS_REGION"]}', ENDPOINT '{endpoint}', URL_STYLE 'path', USE_SSL false)"""
    )


def with_pandas(root, **_):
    import pandas
    import pyarrow as pa

    # As users type it, except for the backend, which keeps integers beside nulls.
    yield "read_parquet(out)", pa.Table.from_pandas(pandas.read_parquet(root, dtype_backend="pyarrow"))


def with_pyarrow(root, folders, runs):
    import pyarrow.dataset as dataset
    import pyarrow.parquet as parquet
    from pyarrow import fs

    options = {}
    if is_s3(root):
        options = {"filesystem": fs.S3FileSystem(endpoint_override=os.environ["AWS_ENDPOINT_URL"])}
    path = root.removeprefix("s3://")
    yield "read_table(out)", parquet.read_table(path, **options)
    yield "dataset(out, hive)", dataset.dataset(path, partitioning="hive", **options).to_table()
    if not folders and not runs:
        yield "dataset(out)", dataset.dataset(path, **options).to_table()


def with_arrow(root, **_):
    """Reads rows that are published as Arrow."""
    import pyarrow.dataset as dataset

    yield "dataset(out, ipc)", dataset.dataset(root, format="ipc").to_table()
    yield "dataset(out, feather)", dataset.dataset(root, format="feather").to_table()


def with_polars(root, folders, runs):
    import polars

    options = None
    if is_s3(root):
        options = {"aws_endpoint_url": os.environ["AWS_ENDPOINT_URL"], "aws_allow_http": "true"}
    files = f"{root}/**/*.parquet"
    yield "scan(**, hive)", polars.scan_parquet(files, hive_partitioning=True, storage_options=options).collect().to_arrow()
    if not runs:
        yield "read(out/rows/)", polars.read_parquet(f"{root}/rows/", storage_options=options).to_arrow()
    if not folders and not runs:
        yield "read(**)", polars.read_parquet(files, storage_options=options).to_arrow()


def with_spark(root, folders, runs):
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
    if not runs:
        yield "parquet(out/rows)", spark.read.parquet(f"{root}/rows").toArrow()
    if folders or runs:
        yield "parquet(out)", spark.read.parquet(root).toArrow()


def with_ray(root, runs, **_):
    import pyarrow as pa
    import ray
    from ray.data.datasource import Partitioning

    if not ray.is_initialized():
        ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, object_store_memory=200 << 20)
    paths = sorted(glob(f"{root}/run=*/rows")) if runs else f"{root}/rows"
    found = ray.data.read_parquet(paths, partitioning=Partitioning("hive", base_dir=root)).to_arrow_refs()
    yield "read_parquet(out/rows)", pa.concat_tables(ray.get(found), promote_options="permissive")


def as_text(value):
    if isinstance(value, bool):
        return str(value).lower()
    return None if value is None else str(value)


def found_in(call, table, columns):
    if hasattr(table, "read_all"):
        table = table.read_all()
    rows = [[as_text(row[name]) for name in columns] for row in table.select(columns).to_pylist()]
    return {"call": call, "columns": sorted(table.column_names), "rows": rows}


READERS = {
    "duckdb": with_duckdb,
    "pandas": with_pandas,
    "pyarrow": with_pyarrow,
    "arrow": with_arrow,
    "polars": with_polars,
    "spark": with_spark,
    "ray": with_ray,
}
name, cases = sys.argv[1:]
found = []
for case in json.loads(cases):
    columns = case.pop("columns")
    found.append([found_in(*read, columns) for read in READERS[name](**case)])
print(json.dumps(found))
