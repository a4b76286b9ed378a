"""Reads the rows of published outputs, each as one dataset, in the way that the reader's own documentation has it.

    read_output.py READER CASES
CASES is a list in JSON: where an output lies ("root": a path or s3://bucket/folder), whether it is one of runs ("runs"),
and the columns that are wanted, in order. Prints a list: of each case all columns that were found, and the rows, each
value as text, null as null. The settings of s3:// are AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION.
"""

import json
import os
import sys
from glob import glob


def is_s3(root):
    return root.startswith("s3://")


def with_duckdb(root, runs):
    import duckdb

    connection = duckdb.connect()
    if is_s3(root):
        load_httpfs(connection)
    files = f"{root}/run=*/rows/**/*.parquet" if runs else f"{root}/rows/**/*.parquet"
    return connection.sql(f"SELECT * FROM read_parquet('{files}', hive_partitioning = true)").arrow()


def load_httpfs(connection):
    """The extension as its package has it: nothing is fetched."""
    import importlib.util

    (folder,) = importlib.util.find_spec("duckdb_extension_httpfs").submodule_search_locations
    (extension,) = glob(f"{folder}/**/httpfs.duckdb_extension", recursive=True)
    connection.load_extension(extension)
    endpoint = os.environ["AWS_ENDPOINT_URL"].removeprefix("http://")
    connection.sql(
        f"""CREATE SECRET (TYPE s3, KEY_ID '{os.environ["AWS_ACCESS_KEY_ID"]}', SECRET '{os.environ["AWS_SECRET_ACCESS_KEY"]}',
            REGION '{os.environ["AWS_REGION"]}', ENDPOINT '{endpoint}', URL_STYLE 'path', USE_SSL false)"""
    )


def with_pyarrow(root, runs):
    import pyarrow.dataset as dataset
    from pyarrow import fs

    if is_s3(root):
        filesystem, path = fs.S3FileSystem(endpoint_override=os.environ["AWS_ENDPOINT_URL"]), root.removeprefix("s3://")
    else:
        filesystem, path = fs.LocalFileSystem(), root
    if not runs:
        return dataset.dataset(f"{path}/rows", filesystem=filesystem, format="parquet", partitioning="hive").to_table()
    folders = [f"{info.path}/rows" for info in filesystem.get_file_info(fs.FileSelector(path)) if "/run=" in info.path]
    files = [info.path for folder in folders for info in filesystem.get_file_info(fs.FileSelector(folder, recursive=True)) if info.is_file]
    return dataset.dataset(files, filesystem=filesystem, format="parquet", partitioning="hive", partition_base_dir=path).to_table()


def with_polars(root, runs):
    import polars

    options = None
    if is_s3(root):
        options = {"aws_endpoint_url": os.environ["AWS_ENDPOINT_URL"], "aws_allow_http": "true"}
    place = f"{root}/run=*/rows/**/*.parquet" if runs else f"{root}/rows/"
    return polars.scan_parquet(place, hive_partitioning=True, storage_options=options).collect().to_arrow()


def with_spark(root, runs):
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
    reader = spark.read.option("basePath", root) if runs else spark.read
    return reader.parquet(f"{root}/run=*/rows" if runs else f"{root}/rows").toArrow()


def with_ray(root, runs):
    import pyarrow as pa
    import ray
    from ray.data.datasource import Partitioning

    if not ray.is_initialized():
        ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, object_store_memory=200 << 20)
    paths = sorted(glob(f"{root}/run=*/rows")) if runs else f"{root}/rows"
    found = ray.data.read_parquet(paths, partitioning=Partitioning("hive", base_dir=root)).to_arrow_refs()
    return pa.concat_tables(ray.get(found), promote_options="permissive")


def as_text(value):
    if isinstance(value, bool):
        return str(value).lower()
    return None if value is None else str(value)


def read(reader, root, runs, columns):
    table = READERS[reader](root, runs)
    if hasattr(table, "read_all"):
        table = table.read_all()
    rows = [[as_text(row[name]) for name in columns] for row in table.select(columns).to_pylist()]
    return {"columns": sorted(table.column_names), "rows": rows}


READERS = {"duckdb": with_duckdb, "pyarrow": with_pyarrow, "polars": with_polars, "spark": with_spark, "ray": with_ray}
name, cases = sys.argv[1:]
print(json.dumps([read(name, **case) for case in json.loads(cases)]))
