"""Makes sets of vectors, and judges the neighbours that were found in them, by NumPy.

nearest.py make FOLDER SEED: writes NAME-set.parquet, NAME-rows.parquet and cases.json
nearest.py judge FOLDER: reads NAME.json with the neighbours, and prints what is wrong as JSON
"""

import json
import sys
from itertools import product
from pathlib import Path

import numpy
import pyarrow
import pyarrow.parquet

METRICS = ["cosine", "dot", "euclidean"]
TYPES = {16: pyarrow.float16(), 32: pyarrow.float32(), 64: pyarrow.float64()}


def column(vectors, width, is_fixed):
    values = pyarrow.array(vectors.reshape(-1).astype(f"float{width}"), TYPES[width])
    dims = vectors.shape[1]
    if is_fixed:
        return pyarrow.FixedSizeListArray.from_arrays(values, dims)
    offsets = pyarrow.array(numpy.arange(len(vectors) + 1) * dims, "int32")
    return pyarrow.ListArray.from_arrays(offsets, values)


def make(folder, seed):
    random = numpy.random.default_rng(seed)
    cases = []
    for dims, width, family in product([1, 3, 384], [16, 32, 64], ["normal", "copies", "grid", "far"]):
        rows = int(random.choice([1, 7, 300, 2_000])) if dims == 384 else int(random.choice([1, 50, 20_000]))
        vectors = random.normal(size=(rows, dims))
        if family == "copies":
            vectors = vectors[random.integers(0, max(1, rows // 20), rows)]
        if family == "grid":
            vectors = numpy.round(vectors)
            vectors[~vectors.any(axis=1)] = 1
        if family == "far":
            vectors = 1_000 + vectors / 100
        queries = numpy.concatenate([vectors[random.integers(0, rows, 20)], random.normal(size=(20, dims))])
        name = f"{dims}-{width}-{family}"
        k = int(random.choice([1, min(rows, 10), min(rows, 200), min(rows, 300)]))
        is_fixed = bool(random.integers(2))
        texts = [f"id {row}" for row in range(rows)]
        ids = pyarrow.array(texts) if seed % 2 else pyarrow.array(range(rows), "int64")
        table = pyarrow.table({"id": ids, "vector": column(vectors, width, is_fixed)})
        pyarrow.parquet.write_table(table, folder / f"{name}-set.parquet", row_group_size=1_000)
        table = pyarrow.table({"id": range(40), "vector": column(queries, width, is_fixed)})
        pyarrow.parquet.write_table(table, folder / f"{name}-rows.parquet")
        cases.append({"name": name, "k": k, "metric": METRICS[len(cases) % 3]})
    (folder / "cases.json").write_text(json.dumps(cases))


def read(path):
    lists = pyarrow.parquet.read_table(path)["vector"].to_pylist()
    return numpy.array(lists).astype("float32").astype("float64")


def ranks_of(metric, query, vectors):
    # The same order of sums as in the step, so that ties are ties in both.
    if metric == "euclidean":
        return -numpy.cumsum((query - vectors) ** 2, axis=1)[:, -1]
    products = numpy.cumsum(query * vectors, axis=1)[:, -1]
    if metric == "dot":
        return products
    length = numpy.sqrt(numpy.cumsum(query**2)[-1])
    return products / (length * numpy.sqrt(numpy.cumsum(vectors**2, axis=1)[:, -1]))


def judge(folder):
    wrong, compared = [], 0
    for case in json.loads((folder / "cases.json").read_text()):
        name, k, metric = case["name"], case["k"], case["metric"]
        vectors, queries = read(folder / f"{name}-set.parquet"), read(folder / f"{name}-rows.parquet")
        found = json.loads((folder / f"{name}.json").read_text())
        for row, query in enumerate(queries):
            ranks = ranks_of(metric, query, vectors)
            best = numpy.argsort(-ranks, kind="stable")[:k]
            scores = numpy.sqrt(-ranks[best]) if metric == "euclidean" else ranks[best]
            compared += 1
            places = [int(str(each).split(" ")[-1]) for each in found[row]["nearest"]]
            given = numpy.float32(found[row]["nearest_score"])
            if places != best.tolist() or not numpy.array_equal(numpy.float32(scores), given):
                wrong.append(f"{name}, {metric}, row {row}")
    print(json.dumps({"wrong": wrong, "compared": compared}))


if __name__ == "__main__":
    command, folder = sys.argv[1], Path(sys.argv[2])
    make(folder, int(sys.argv[3])) if command == "make" else judge(folder)
