"""export.py DATA FOLDER: trains a scikit-learn pipeline on flights. Exports it with skl2onnx's defaults."""

import pathlib
import sys

import joblib
import numpy as np
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "check"))
from flights import flights

data, folder = sys.argv[1:]
columns, late = flights(data)
# One table of objects, with columns by number.
table = np.column_stack([columns["origin"], columns["destination"], columns["distance"], columns["hour"]]).astype(object)
pipeline = Pipeline(
    [
        ("columns", ColumnTransformer([("where", OneHotEncoder(handle_unknown="ignore"), [0, 1]), ("how", StandardScaler(), [2, 3])])),
        ("classes", LogisticRegression(max_iter=1000)),
    ]
).fit(table, late.astype(str))
types = [("where", StringTensorType([None, 2])), ("how", FloatTensorType([None, 2]))]
model = convert_sklearn(pipeline, initial_types=types)
joblib.dump(pipeline, pathlib.Path(folder, "model.joblib"))
pathlib.Path(folder, "model.onnx").write_bytes(model.SerializeToString())
