"""Writes Iceberg tables by Spark, and what Spark reads in them. They are in test/extensions/iceberg/tables.

Usage: iceberg_spark.py FOLDER JAR, with Iceberg's runtime for Spark (1.10.0 for 3.5). FOLDER becomes part of the
tables' metadata. Prints a list of {table, expected}: a folder with a Parquet file of the rows.
"""

import json
import os
import shutil
import sys

from pyspark.sql import SparkSession

FOLDER, JAR = sys.argv[1:3]
shutil.rmtree(FOLDER, ignore_errors=True)
os.makedirs(FOLDER)
spark = (
    SparkSession.builder.master("local[1]")
    .config("spark.jars", JAR)
    .config("spark.ui.enabled", "false")
    .config("spark.driver.memory", "1g")
    .config("spark.sql.shuffle.partitions", "2")
    .config("spark.sql.extensions", "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions")
    .config("spark.sql.catalog.lake", "org.apache.iceberg.spark.SparkCatalog")
    .config("spark.sql.catalog.lake.type", "hadoop")
    .config("spark.sql.catalog.lake.warehouse", FOLDER)
    .config("spark.sql.session.timeZone", "UTC")
    .getOrCreate()
)
spark.sparkContext.setLogLevel("ERROR")
CASES = []


def run(*statements):
    for s in statements:
        spark.sql(s)


def keep(name, table, options="", **more):
    path = os.path.join(FOLDER, name + ".expected")
    spark.sql(f"SELECT * FROM lake.{table} {options}").coalesce(1).write.mode("overwrite").parquet(path)
    CASES.append({"table": table, "expected": name, **more})


V2 = "TBLPROPERTIES ('format-version'='2','write.delete.mode'='merge-on-read','write.update.mode'='merge-on-read','write.merge.mode'='merge-on-read','write.delete.granularity'='{g}')"
run("CREATE NAMESPACE lake.n")
# positional deletes, partitioned by day and bucket
for g in ("file", "partition"):
    t = f"n.deletes_{g}"
    run(
        f"CREATE TABLE lake.{t} (id bigint NOT NULL, day timestamp, name string, x double) USING iceberg PARTITIONED BY (days(day)) "
        + V2.format(g=g),
        f"INSERT INTO lake.{t} SELECT id, timestamp_seconds(1767225600 + (id % 2) * 86400), concat('n', id % 7), id / 2.0D FROM range(200)",
        f"DELETE FROM lake.{t} WHERE id % 5 = 0",
        f"UPDATE lake.{t} SET name = 'updated' WHERE id % 11 = 1",
        f"INSERT INTO lake.{t} SELECT id, timestamp_seconds(1767225600), 'late', 0D FROM range(195, 205)",
        f"DELETE FROM lake.{t} WHERE id = 201",
    )
    keep(f"deletes_{g}", t)
# evolution of schema and of partitions
t = "n.evolved"
run(
    f"CREATE TABLE lake.{t} (id int, a float, name string, s struct<u: int, v: string>, l array<struct<p: int>>, m map<string, struct<q: int>>, d decimal(5,2)) USING iceberg PARTITIONED BY (name)",
    f"INSERT INTO lake.{t} SELECT CAST(id AS int), CAST(id AS float) / 4, concat('k ', id % 3), named_struct('u', CAST(id AS int), 'v', 'x'), array(named_struct('p', CAST(id AS int))), map('k', named_struct('q', CAST(id AS int))), CAST(id AS decimal(5,2)) FROM range(10)",
)
snapshot = spark.sql(f"SELECT snapshot_id FROM lake.{t}.snapshots").first()[0]
run(
    f"ALTER TABLE lake.{t} ALTER COLUMN id TYPE bigint",
    f"ALTER TABLE lake.{t} ALTER COLUMN a TYPE double",
    f"ALTER TABLE lake.{t} ALTER COLUMN d TYPE decimal(12,2)",
    f"ALTER TABLE lake.{t} RENAME COLUMN a TO b",
    f"ALTER TABLE lake.{t} ADD COLUMN a string FIRST",
    f"ALTER TABLE lake.{t} ADD COLUMN s.w double",
    f"ALTER TABLE lake.{t} RENAME COLUMN s.u TO uu",
    f"ALTER TABLE lake.{t} ADD COLUMN l.element.r string",
    f"ALTER TABLE lake.{t} ADD COLUMN m.value.z int",
    f"ALTER TABLE lake.{t} ADD PARTITION FIELD truncate(1, a)",
    f"ALTER TABLE lake.{t} DROP PARTITION FIELD name",
    f"INSERT INTO lake.{t} SELECT 'new', 100, 0.1D, 'late', named_struct('uu', 1, 'v', 'y', 'w', 2.5D), array(named_struct('p', 1, 'r', 'rr')), map('k', named_struct('q', 5, 'z', 6)), 1.5",
    f"ALTER TABLE lake.{t} DROP COLUMN name",
)
keep("evolved", t)
# all types
t = "n.types"
run(
    f"CREATE TABLE lake.{t} (b boolean, i int, l bigint, f float, d double, dec decimal(38,10), dt date, ts timestamp, tn timestamp_ntz, s string, bin binary, a array<int>, m map<string, bigint>) USING iceberg",
    f"INSERT INTO lake.{t} VALUES (true, -1, 9223372036854775807, 0.5, double('NaN'), 12345.6789, date'2024-02-29', timestamp'2024-01-01 00:00:00.123456', timestamp_ntz'1960-05-06 07:08:09', 'é', X'00ff', array(1, null), map('a', null)), (null, null, null, null, null, null, null, null, null, null, null, null, null)",
)
keep("types", t)
# identity partitions of many types
t = "n.parts"
run(
    f"CREATE TABLE lake.{t} (id bigint, b boolean, i int, d date, ts timestamp, s string, dec decimal(9,2), f double) USING iceberg PARTITIONED BY (b, i, d, ts, s, dec, f)",
    f"INSERT INTO lake.{t} VALUES (1, true, -5, date'1969-12-31', timestamp'2024-01-01 00:00:00.5', 'a/b %41 é', -1.25, 0.5), (2, null, null, null, null, null, null, null), (3, false, 7, date'2024-02-29', timestamp'1960-01-01 00:00:00', '', 99.99, -0.0D)",
)
keep("parts", t)
# branch and tag, version 1, expire, delete whole files
t = "n.refs"
run(
    f"CREATE TABLE lake.{t} (id bigint) USING iceberg TBLPROPERTIES ('format-version'='1')",
    f"INSERT INTO lake.{t} SELECT id FROM range(3)",
    f"ALTER TABLE lake.{t} CREATE TAG first",
    f"ALTER TABLE lake.{t} CREATE BRANCH side",
    f"INSERT INTO lake.{t}.branch_side VALUES (50)",
    f"INSERT INTO lake.{t} VALUES (10)",
    f"DELETE FROM lake.{t} WHERE id < 3",
)
keep("refs", t)
keep("refs_tag", t, "VERSION AS OF 'first'", ref="first")
keep("refs_side", t, "VERSION AS OF 'side'", ref="side")
# format version 3 with deletion vectors
t = "n.vectors"
run(
    f"CREATE TABLE lake.{t} (id bigint) USING iceberg TBLPROPERTIES ('format-version'='3','write.delete.mode'='merge-on-read')",
    f"INSERT INTO lake.{t} SELECT id FROM range(30)",
    f"DELETE FROM lake.{t} WHERE id % 3 = 0",
)
keep("vectors", t)
t = "n.third"
run(
    f"CREATE TABLE lake.{t} (id bigint) USING iceberg TBLPROPERTIES ('format-version'='3','write.metadata.compression-codec'='gzip')",
    f"INSERT INTO lake.{t} SELECT id FROM range(30)",
)
keep("third", t)
# files of another table, without ids
spark.range(5).selectExpr("id", "concat('t', id) AS name").coalesce(1).write.parquet(
    os.path.join(FOLDER, "plain")
)
t = "n.added"
run(f"CREATE TABLE lake.{t} (id bigint, name string, more int) USING iceberg")
shutil.copytree(os.path.join(FOLDER, "plain"), os.path.join(FOLDER, t.replace(".", "/"), "data"))
run(
    f"CALL lake.system.add_files(table => '{t}', source_table => '`parquet`.`{FOLDER}/{t.replace('.', '/')}/data`')",
    f"ALTER TABLE lake.{t} RENAME COLUMN name TO title",
    f"INSERT INTO lake.{t} VALUES (9, 'later', 3)",
)
keep("added", t)
print(json.dumps(CASES))
