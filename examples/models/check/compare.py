"""compare.py FOLDER: runs FOLDER/reference.py over the rows of FOLDER/data. Compares its results with the
job's published output in FOLDER/out.

Prints JSON: the number of rows, and the difference of each column.
"""

import importlib.util
import json
import pathlib
import sys

import numpy as np
import pyarrow.dataset


def column(table, name):
    """Returns a column's values. Lists become arrays."""
    cells = table.column(name)
    if not pyarrow.types.is_nested(cells.type):
        return cells.to_pylist()
    return [np.asarray(cell.values.flatten() if pyarrow.types.is_nested(cell.values.type) else cell.values) for cell in cells]


def apart(ours, theirs):
    """Returns the difference of a column from the reference: the largest for numbers, and the number of
    unequal rows for other values.
    """
    if isinstance(theirs[0], (str, int)):
        return {"kind": "labels", "different": sum(a != b for a, b in zip(ours, theirs))}
    largest, least = 0.0, 1.0
    for a, b in zip(ours, theirs):
        a, b = np.asarray(a, np.float64).ravel(), np.asarray(b, np.float64).ravel()
        if a.shape != b.shape:
            raise SystemExit(f"a row has {a.size} values, and {b.size} in the reference")
        gaps = np.where(np.isnan(a) & np.isnan(b), 0, np.abs(a - b))
        largest = max(largest, float(np.nan_to_num(gaps, nan=1e300, posinf=1e300).max(initial=0)))
        lengths = np.linalg.norm(a) * np.linalg.norm(b)
        least = min(least, float(a @ b / lengths) if lengths else float(np.array_equal(a, b)))
    return {"kind": "numbers", "largest": largest, "leastCosine": least}


def read(folder):
    return pyarrow.dataset.dataset(folder, format="parquet").to_table()


folder = pathlib.Path(sys.argv[1])
spec = importlib.util.spec_from_file_location("reference", folder / "reference.py")
reference = importlib.util.module_from_spec(spec)
spec.loader.exec_module(reference)

data = read(folder / "data")
ours = read(folder / "out" / "rows")
# The reference returns a list for a row that becomes several.
parts = [row if isinstance(row, list) else [row] for row in reference.run(folder / "model", data.to_pylist())]
theirs = [part for row in parts for part in row]
if column(ours, "id") != [id for id, row in zip(column(data, "id"), parts) for _ in row]:
    raise SystemExit(f"the job has other rows than the reference: {ours.num_rows} of {data.num_rows}, which should be {len(theirs)}")
columns = {name: apart(column(ours, name), [row[name] for row in theirs]) for name in theirs[0]}
print(json.dumps({"rows": ours.num_rows, "columns": columns}))
