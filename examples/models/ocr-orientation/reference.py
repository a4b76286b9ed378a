"""PaddleOCR's classifier of text lines in RapidOCR's own program."""

import pathlib

import numpy as np
import rapidocr_onnxruntime
import yaml
from rapidocr_onnxruntime.ch_ppocr_cls import TextClassifier
from rapidocr_onnxruntime.utils import LoadImage


def run(model, rows):
    package = pathlib.Path(rapidocr_onnxruntime.__file__).parent
    config = yaml.safe_load((package / "config.yaml").read_text())["Cls"]
    classifier = TextClassifier({**config, "model_path": str(model / "model.onnx")})
    load = LoadImage()
    found = []
    for row in rows:
        strip = load(row["content"])
        scores = classifier.infer(classifier.resize_norm_img(strip)[np.newaxis])[0][0]
        _, [[turned, _]], _ = classifier(strip)
        found.append({"scores": scores, "turned": turned})
    return found
