"""export.py DATA FOLDER: trains LightGBM trees on flights. Exports them with the defaults of onnxmltools."""

import pathlib
import sys

import joblib
import lightgbm
import numpy as np
import onnxmltools
from onnxmltools.convert.common.data_types import FloatTensorType

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "check"))
from flights import flights

data, folder = sys.argv[1:]
columns, late = flights(data)
features = np.column_stack([columns["distance"], columns["hour"]])
trees = lightgbm.LGBMClassifier(n_estimators=40, num_leaves=15, deterministic=True, force_row_wise=True, verbose=-1)
trees.fit(features, (late == "late").astype(np.int64))
model = onnxmltools.convert_lightgbm(trees, initial_types=[("X", FloatTensorType([None, 2]))])
joblib.dump(trees, pathlib.Path(folder, "model.joblib"))
pathlib.Path(folder, "model.onnx").write_bytes(model.SerializeToString())
