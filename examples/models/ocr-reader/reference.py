"""PaddleOCR's reader of text lines in RapidOCR's own program."""

import pathlib

import numpy as np
import rapidocr_onnxruntime
import yaml
from rapidocr_onnxruntime.ch_ppocr_rec import TextRecognizer
from rapidocr_onnxruntime.utils import LoadImage


def run(model, rows):
    package = pathlib.Path(rapidocr_onnxruntime.__file__).parent
    config = yaml.safe_load((package / "config.yaml").read_text())["Rec"]
    reader = TextRecognizer({**config, "model_path": str(model / "model.onnx")})
    load = LoadImage()
    found = []
    for row in rows:
        strip = load(row["content"])
        height, width = strip.shape[:2]
        prepared = reader.resize_norm_img(strip, width / height)[np.newaxis]
        scores = reader.session(prepared)[0][0].max(axis=1)
        [[text, _]], _ = reader(strip)
        found.append({"text": text, "scores": scores})
    return found
