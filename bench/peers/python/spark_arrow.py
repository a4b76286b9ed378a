"""
Spark in local mode: read.parquet, mapInArrow, write.parquet.

files        Spark's default partitions of the files
repartition  eight partitions per core, at the cost of a shuffle, so that no core is idle while another has a whole file left
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa
from peer_job import Model, PeerJob
from pyspark.sql import SparkSession
from pyspark.sql.types import (
    ArrayType,
    DataType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    StructField,
    StructType,
)

SPARK_TYPES: dict[str, DataType] = {
    "int32": IntegerType(),
    "int64": LongType(),
    "float32": FloatType(),
    "float64": DoubleType(),
    "list<float32>": ArrayType(FloatType()),
}

PARTITIONS_PER_CORE = 8


def main() -> None:
    job = PeerJob.from_arguments()
    spark = (
        SparkSession.builder.master(f"local[{job.cores}]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.memory", "4g")
        .config("spark.sql.execution.arrow.maxRecordsPerBatch", job.batch_rows)
        .config("spark.sql.parquet.compression.codec", "zstd")
        .getOrCreate()
    )

    def map_partition(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        pa.set_cpu_count(1)
        model = Model(job)
        for batch in batches:
            yield model.map_batch(batch)

    source = spark.read.parquet(*job.input_files).select(*job.columns)
    if job.variant == "repartition":
        source = source.repartition(PARTITIONS_PER_CORE * job.cores)
    kept = [source.schema[name] for name in job.keep]
    made = [StructField(output["column"], SPARK_TYPES[output["type"]]) for output in job.outputs]
    source.mapInArrow(map_partition, StructType([*kept, *made])).write.parquet(job.output_path)
    spark.stop()


if __name__ == "__main__":
    main()
