"""Writes Delta tables with Spark, with deleted rows, mapped columns and compactions, and the rows that it reads.

Usage: spark_tables.py FOLDER SEED, with pyspark 4.0.0, and the jars of Delta in DELTA_JARS. Prints the cases as JSON.
With --small it writes the tables in test/extensions/delta/tables, which need no Spark.
"""

import glob
import json
import os
import random
import shutil
import sys

from pyspark.sql import SparkSession

FOLDER, SEED = os.path.abspath(sys.argv[1]), int(sys.argv[2])
IS_SMALL = "--small" in sys.argv
CASES = []

jars = ",".join(sorted(glob.glob(os.path.join(os.environ["DELTA_JARS"], "*.jar"))))
spark = (
    SparkSession.builder.master("local[1]")
    .config("spark.jars", jars)
    .config("spark.ui.enabled", "false")
    .config("spark.driver.memory", "1g")
    .config("spark.sql.shuffle.partitions", "1")
    .config("spark.databricks.delta.snapshotPartitions", "1")
    .config("spark.sql.session.timeZone", "UTC")
    .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
    .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
    .getOrCreate()
)
spark.sparkContext.setLogLevel("ERROR")


def path_of(name):
    return os.path.join(FOLDER, name)


def of(name):
    return f"delta.`{path_of(name)}`"


def sql(text):
    return spark.sql(text)


def record(name, version=None):
    """Notes the rows of a version, as Spark reads them."""
    reader = spark.read.format("delta")
    if version is None:
        version = sql(f"DESCRIBE HISTORY {of(name)} LIMIT 1").first()["version"]
    rows = reader.option("versionAsOf", version).load(path_of(name))
    scratch = path_of("scratch")
    rows.coalesce(1).write.mode("overwrite").parquet(scratch)
    (part,) = glob.glob(os.path.join(scratch, "*.parquet"))
    expected = path_of(f"{name}.parquet" if IS_SMALL else f"{name}-{version}.parquet")
    shutil.move(part, expected)
    shutil.rmtree(scratch)
    CASES.append({"table": name, "version": version, "expected": expected})


def append(name, first, rows, parts=2):
    ids = spark.range(first, first + rows).coalesce(1)
    ids.selectExpr(
        "id",
        f"concat('p ', id % {parts}) AS part",
        "concat('text of row ', id) AS text",
        "IF(id % 5 = 0, NULL, id / 4) AS value",
    ).write.format("delta").mode("append").partitionBy("part").option("mergeSchema", "false").save(path_of(name))


def deleted():
    """Files with single deleted rows, whole deleted row groups, all rows deleted, and two vectors in one file."""
    name = "deleted"
    append(name, 0, 600)
    sql(f"ALTER TABLE {of(name)} SET TBLPROPERTIES ('delta.enableDeletionVectors' = 'true')")
    append(name, 600, 400, parts=1)
    sql(f"DELETE FROM {of(name)} WHERE id % 7 = 3")
    sql(f"DELETE FROM {of(name)} WHERE id BETWEEN 100 AND 350 OR id > 990")
    sql(f"UPDATE {of(name)} SET value = -1 WHERE id % 50 = 1")
    append(name, 1000, 40, parts=1)
    sql(f"DELETE FROM {of(name)} WHERE id >= 1000 AND id < 1030")
    record(name)


NESTED = """id BIGINT, `part of` STRING, s STRUCT<a: BIGINT, inner: STRUCT<texts: ARRAY<STRUCT<x: INT, y: STRING>>>>,
 m MAP<STRING, STRUCT<v: DOUBLE, w: TIMESTAMP>>, gone INT"""


def nested(name, first, rows, more=""):
    return f"""INSERT INTO {of(name)} SELECT id, IF(id % 3 = 0, NULL, concat('p/', id % 2)),
 IF(id % 7 = 0, NULL, named_struct('a', id, 'inner', named_struct('texts',
 array(named_struct('x', INT(id), 'y', concat('t', id)), NULL)))),
 map('k', named_struct('v', id / 2, 'w', TIMESTAMP'2024-01-02 03:04:05')), {more or 'INT(id)'}
 FROM range({first}, {first + rows})"""


def mapped(mode):
    """Columns that were renamed, dropped and added again under an old name, also nested ones."""
    name = f"mapped by {mode}"
    properties = f"'delta.columnMapping.mode' = '{mode}', 'delta.enableDeletionVectors' = 'true'"
    sql(f"CREATE TABLE {of(name)} ({NESTED}) USING delta PARTITIONED BY (`part of`) TBLPROPERTIES ({properties})")
    sql(nested(name, 0, 20))
    sql(f"ALTER TABLE {of(name)} RENAME COLUMN id TO number")
    sql(f"ALTER TABLE {of(name)} RENAME COLUMN `part of` TO `the part, of`")
    sql(f"ALTER TABLE {of(name)} RENAME COLUMN s.inner.texts TO list")
    sql(f"ALTER TABLE {of(name)} DROP COLUMN gone")
    sql(f"ALTER TABLE {of(name)} ADD COLUMN gone STRING")
    sql(f"ALTER TABLE {of(name)} ADD COLUMN s.b INT")
    sql(f"""INSERT INTO {of(name)} SELECT id, 'p/x', named_struct('a', id, 'inner', NULL, 'b', INT(id)),
 NULL, 'new' FROM range(20, 30)""")
    sql(f"DELETE FROM {of(name)} WHERE number % 4 = 1")
    record(name)


def upgraded():
    """A table whose first files were written before its columns were mapped."""
    name = "mapped later"
    append(name, 0, 30)
    sql(
        f"""ALTER TABLE {of(name)} SET TBLPROPERTIES ('delta.columnMapping.mode' = 'name',
 'delta.minReaderVersion' = '2', 'delta.minWriterVersion' = '5')"""
    )
    sql(f"ALTER TABLE {of(name)} RENAME COLUMN text TO words")
    sql(f"INSERT INTO {of(name)} SELECT id, 'p 0', concat('w', id), 1.5 FROM range(30, 40)")
    record(name)


def history(seed):
    """Random commits, with checkpoints of Spark's own among them. Each version is read."""
    random.seed(seed)
    name = f"history {seed}"
    append(name, 0, 50)
    sql(
        f"""ALTER TABLE {of(name)} SET TBLPROPERTIES ('delta.enableDeletionVectors' = 'true',
 'delta.checkpointInterval' = '4', 'delta.checkpointPolicy' = '{random.choice(['classic', 'v2'])}')"""
    )
    last = 50
    for _ in range(12):
        kind = random.choice(["append", "append", "delete", "delete", "update", "optimize", "purge"])
        if kind == "append":
            rows = random.randrange(1, 80)
            append(name, last, rows)
            last += rows
        elif kind == "delete":
            sql(f"DELETE FROM {of(name)} WHERE id % {random.randrange(2, 9)} = 1 AND id < {random.randrange(last)}")
        elif kind == "update":
            sql(f"UPDATE {of(name)} SET value = value + 1 WHERE id % 6 = {random.randrange(6)}")
        elif kind == "optimize":
            sql(f"OPTIMIZE {of(name)}")
        else:
            sql(f"REORG TABLE {of(name)} APPLY (PURGE)")
    for version in range(sql(f"DESCRIBE HISTORY {of(name)} LIMIT 1").first()["version"] + 1):
        record(name, version)


def many_commits():
    """A hundred commits with checkpoints between them."""
    name = "many commits"
    for at in range(100):
        append(name, at * 3, 3)
    sql(f"DELETE FROM {of(name)} WHERE id % 10 = 4")
    record(name)


def many_files():
    """Thousands of small files."""
    name = "many files"
    spark.range(0, 10_000).repartition(2_000).write.format("delta").save(path_of(name))
    record(name)


os.makedirs(FOLDER, exist_ok=True)
deleted()
mapped("name")
mapped("id")
upgraded()
if IS_SMALL:
    # Checksums of Hadoop and of versions are not part of a table.
    for folder, _, names in os.walk(FOLDER):
        for file in names:
            if file.endswith(".crc"):
                os.remove(os.path.join(folder, file))
    for staged in glob.glob(os.path.join(FOLDER, "*", "_delta_log", "_staged_commits")):
        shutil.rmtree(staged)
else:
    for seed in range(SEED, SEED + 2):
        history(seed)
    many_commits()
    many_files()
print(json.dumps(CASES))
spark.stop()
