"""
Runs one SELECT over Parquet files, and writes Parquet: reduce_peer.py TOOL JOB.json

The job has `sql` over the table T, `input_files`, `output_path` and `cores`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def by_duckdb(job: dict[str, Any]) -> None:
    import duckdb

    connection = duckdb.connect()
    connection.execute(f"SET threads = {job['cores']}")
    connection.execute(f"CREATE VIEW T AS FROM read_parquet({job['input_files']!r})")
    Path(job["output_path"]).mkdir(parents=True)
    connection.execute(f"COPY ({job['sql']}) TO '{job['output_path']}/part.parquet' (FORMAT parquet, COMPRESSION zstd)")


def by_daft(job: dict[str, Any]) -> None:
    import daft

    rows = daft.read_parquet(job["input_files"])
    daft.sql(job["sql"], T=rows).write_parquet(job["output_path"], compression="zstd")


def by_spark(job: dict[str, Any]) -> None:
    from pyspark.sql import SparkSession

    spark = (
        SparkSession.builder.master(f"local[{job['cores']}]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.memory", "4g")
        .config("spark.sql.parquet.compression.codec", "zstd")
        .getOrCreate()
    )
    spark.read.parquet(*job["input_files"]).createOrReplaceTempView("T")
    spark.sql(job["sql"]).write.parquet(job["output_path"])
    spark.stop()


def by_ray(job: dict[str, Any]) -> None:
    import ray
    from ray.data.aggregate import Count, Max, Sum

    ray.init(num_cpus=job["cores"], include_dashboard=False, log_to_driver=False)
    rows = ray.data.read_parquet(job["input_files"], columns=[job["by"], "cents", "seen"])
    made = rows.groupby(job["by"]).aggregate(
        Count(alias_name="n"), Sum("cents", alias_name="cents"), Max("seen", alias_name="last")
    )
    made.write_parquet(job["output_path"])
    ray.shutdown()


TOOLS = {"duckdb": by_duckdb, "daft": by_daft, "spark": by_spark, "ray": by_ray}

if __name__ == "__main__":
    TOOLS[sys.argv[1]](json.loads(Path(sys.argv[2]).read_text()))
