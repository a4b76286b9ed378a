"""Exports small models as users do, and writes the results of Python's onnxruntime for some rows.

    python -m venv venv && venv/bin/pip install scikit-learn skl2onnx lightgbm onnxmltools onnxruntime
    venv/bin/python test/support/tables/make_models.py
"""

import json
from pathlib import Path

import lightgbm
import numpy as np
import onnxmltools
import onnxruntime
from onnxmltools.convert.common.data_types import FloatTensorType as LightFloats
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris, load_linnerud
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

FOLDER = Path(__file__).parent
CASES = {}


def plain(value):
    """Converts an output to JSON: arrays and sequences of arrays to lists. Sequences of maps stay."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value[0], dict):
        return [{str(key): float(score) for key, score in row.items()} for row in value]
    return [np.asarray(part).tolist() for part in value]


def save(name, model, columns, inputs, feeds):
    """Saves a case. columns: type and values by name. inputs: the model's inputs in the job file."""
    data = model.SerializeToString()
    (FOLDER / f"{name}.onnx").write_bytes(data)
    session = onnxruntime.InferenceSession(data)
    values = session.run(None, feeds)
    outputs = {output.name: plain(value) for output, value in zip(session.get_outputs(), values)}
    CASES[name] = {"columns": columns, "inputs": inputs, "outputs": outputs}


def floats(table):
    columns = {
        f"f{at}": {"type": "float32", "values": [None if np.isnan(one) else float(one) for one in column]}
        for at, column in enumerate(np.asarray(table, np.float32).T)
    }
    return columns


iris = load_iris()
measures, kinds = iris.data.astype(np.float32), iris.target
names = iris.target_names[kinds]
some = measures[::8]
side = {"X": {"columns": "f*"}}
four = [("X", FloatTensorType([None, 4]))]

linear = LogisticRegression(max_iter=500).fit(measures, names)
save("linear-zipmap", convert_sklearn(linear, initial_types=four), floats(some), side, {"X": some})

tree = DecisionTreeClassifier(max_depth=3, random_state=0).fit(measures, kinds)
save("tree-numbers", convert_sklearn(tree, initial_types=four), floats(some), side, {"X": some})
plain_tree = convert_sklearn(tree, initial_types=four, options={id(tree): {"zipmap": False}})
save("tree-plain", plain_tree, floats(some), side, {"X": some})

for rows in (1, 8):
    fixed = [("X", FloatTensorType([rows, 4]))]
    model = convert_sklearn(tree, initial_types=fixed, options={id(tree): {"zipmap": False}})
    save(f"fixed-{rows}", model, floats(some[:rows]), side, {"X": some[:rows]})

gaps = np.where(measures > 6, np.nan, measures).astype(np.float32)
boosted = lightgbm.LGBMClassifier(n_estimators=2, num_leaves=3, verbose=-1).fit(gaps, kinds)
for zipped in (True, False):
    model = onnxmltools.convert_lightgbm(
        boosted, initial_types=[("X", LightFloats([None, 4]))], zipmap=zipped
    )
    missing = {"X": {"columns": "f*", "fill": "NaN"}}
    save("boosted-zipmap" if zipped else "boosted-plain", model, floats(gaps[::8]), missing, {"X": gaps[::8]})

fit_people = load_linnerud()
goals = np.stack([fit_people.target[:, 0] > 178, fit_people.target[:, 1] > 35], 1).astype(int)
exercises = fit_people.data.astype(np.float32)
several = MultiOutputClassifier(LogisticRegression()).fit(exercises, goals)
three = [("X", FloatTensorType([None, 3]))]
save("several-sequence", convert_sklearn(several, initial_types=three), floats(exercises), side, {"X": exercises})

random = np.random.default_rng(0)
count = 24
city = random.choice(["Zürich", "Paris", "東京", ""], count).astype(object)
sort = random.choice(["a", "b"], count).astype(object)
size = random.normal(size=count).astype(np.float32)
age = random.integers(1, 90, count).astype(np.int64)
answer = np.where((size > 0) ^ (sort == "a"), "yes", "no")
texts = {
    "city": {"type": "string", "values": city.tolist()},
    "sort": {"type": "string", "values": sort.tolist()},
}

try:
    import pandas

    frame = pandas.DataFrame({"city": city, "sort": sort, "size": size, "age": age})
    mixed = make_pipeline(
        make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore"), ["city", "sort"]), (StandardScaler(), ["size", "age"])
        ),
        LogisticRegression(),
    ).fit(frame, answer)
except ImportError as error:
    raise SystemExit("pip install pandas: a pipeline of named columns is fitted on a frame") from error
types = [
    ("city", StringTensorType([None, 1])),
    ("sort", StringTensorType([None, 1])),
    ("size", FloatTensorType([None, 1])),
    ("age", Int64TensorType([None, 1])),
]
numbers = {
    "size": {"type": "float32", "values": size.astype(float).tolist()},
    "age": {"type": "int64", "values": age.tolist()},
}
feeds = {"city": city, "sort": sort, "size": size, "age": age}
save(
    "mixed-columns",
    convert_sklearn(mixed, initial_types=types),
    {**texts, **numbers},
    {},
    {name: values.reshape(-1, 1) for name, values in feeds.items()},
)

pair = np.stack([city, sort], 1)
onehot = make_pipeline(
    OneHotEncoder(handle_unknown="ignore"), DecisionTreeClassifier(max_depth=2, random_state=0)
).fit(pair, answer)
two = [("X", StringTensorType([None, 2]))]
save("texts-stacked", convert_sklearn(onehot, initial_types=two), texts, {"X": {"columns": ["city", "sort"]}}, {"X": pair})

words = ["good film", "bad film", "great fun", "awful, boring", "good fun film", "bad bad"]
moods = ["pos", "neg", "pos", "neg", "pos", "neg"]
mood = make_pipeline(TfidfVectorizer(lowercase=False), LogisticRegression()).fit(words, moods)
save(
    "words",
    convert_sklearn(mood, initial_types=[("text", StringTensorType([None, 1]))]),
    {"text": {"type": "string", "values": words}},
    {},
    {"text": np.array(words, object).reshape(-1, 1)},
)

lines = [f"{json.dumps(name)}: {json.dumps(case, ensure_ascii=False)}" for name, case in CASES.items()]
(FOLDER / "cases.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
