"""The pipeline in scikit-learn itself, from which it was exported."""

import joblib
import numpy as np


def run(model, rows):
    pipeline = joblib.load(model / "model.joblib")
    table = [[row["origin"], row["destination"], np.float32(row["distance"]), np.float32(row["date"][11:13])] for row in rows]
    table = np.array(table, object)
    labels, scores = pipeline.predict(table), pipeline.predict_proba(table)
    return [{"label": str(label), "probability": own} for label, own in zip(labels, scores)]
