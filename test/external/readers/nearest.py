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
    for metric, dims, family in product(METRICS, [1, 3, 384], ["normal", "copies", "grid", "far"]):
        width = int(random.choice([16, 32, 64]))
        rows = int(random.choice([1, 7, 300, 1_100] if dims == 384 else [1, 50, 3_000]))
        vectors = random.normal(size=(rows, dims))
        if family == "copies":
            vectors = vectors[random.integers(0, max(1, rows // 20), rows)]
        if family == "grid":
            vectors = numpy.round(vectors)
            vectors[~vectors.any(axis=1)] = 1
        if family == "far":
            vectors = 1_000 + vectors / 100
        queries = numpy.concatenate([vectors[random.integers(0, rows, 10)], random.normal(size=(10, dims))])
        name = f"{metric}-{dims}-{family}"
        k = int(random.choice([1, min(rows, 10), min(rows, 200), min(rows, 300)]))
        is_fixed = bool(random.integers(2))
        texts = [f"id {row}" for row in range(rows)]
        ids = pyarrow.array(texts) if seed % 2 else pyarrow.array(range(rows), "int64")
        table = pyarrow.table({"id": ids, "vector": column(vectors, width, is_fixed)})
        pyarrow.parquet.write_table(table, folder / f"{name}-set.parquet", row_group_size=1_000)
        table = pyarrow.table({"id": range(20), "vector": column(queries, width, is_fixed)})
        pyarrow.parquet.write_table(table, folder / f"{name}-rows.parquet")
        cases.append({"name": name, "k": k, "metric": metric})
    (folder / "cases.json").write_text(json.dumps(cases))


def read(path):
    lists = pyarrow.parquet.read_table(path)["vector"].to_pylist()
    return numpy.array(lists).astype("float32").astype("float64")


def scores_of(metric, query, vectors):
    # The same order of sums as in the step, so that ties are ties in both.
    if metric == "euclidean":
        return numpy.sqrt(numpy.cumsum((query - vectors) ** 2, axis=1)[:, -1])
    products = numpy.cumsum(query * vectors, axis=1)[:, -1]
    if metric == "dot":
        return products
    length = numpy.sqrt(numpy.cumsum(query**2)[-1])
    return products / (length * numpy.sqrt(numpy.cumsum(vectors**2, axis=1)[:, -1]))


def is_right(case, query, vectors, found):
    metric, k = case["metric"], case["k"]
    scores = scores_of(metric, query, vectors)
    ranks = scores if metric == "euclidean" else -scores
    best = numpy.argsort(ranks, kind="stable")[:k]
    places = numpy.array([int(str(each).split(" ")[-1]) for each in found["nearest"]])
    if not numpy.array_equal(numpy.float32(scores[places]), numpy.float32(found["nearest_score"])):
        return False
    if numpy.array_equal(places, best):
        return True
    # Products of matrices have other sums: the last neighbours may be others that are as near.
    scale = numpy.linalg.norm(query) * numpy.linalg.norm(vectors, axis=1).max()
    powers = ranks**2 if metric == "euclidean" else ranks
    room = 1e-14 * (1 if metric == "cosine" else scale)
    is_ordered = list(places) == sorted(set(places), key=lambda place: (ranks[place], place))
    is_best = numpy.abs(powers[places] - powers[best]).max() < room
    case["near"] = case.get("near", 0) + 1
    return len(places) == k and is_ordered and is_best


def judge(folder):
    wrong, compared, near = [], 0, 0
    for case in json.loads((folder / "cases.json").read_text()):
        name = case["name"]
        vectors, queries = read(folder / f"{name}-set.parquet"), read(folder / f"{name}-rows.parquet")
        found = json.loads((folder / f"{name}.json").read_text())
        for row, query in enumerate(queries):
            compared += 1
            if not is_right(case, query, vectors, found[row]):
                wrong.append(f"{name}, row {row}")
        near += case.get("near", 0)
    print(json.dumps({"wrong": wrong, "compared": compared, "near": near}))


if __name__ == "__main__":
    command, folder = sys.argv[1], Path(sys.argv[2])
    make(folder, int(sys.argv[3])) if command == "make" else judge(folder)
