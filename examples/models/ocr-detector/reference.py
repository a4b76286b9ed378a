"""PaddleOCR's detector in RapidOCR's own program, up to the map of probabilities."""

import pathlib

import rapidocr_onnxruntime
import yaml
from rapidocr_onnxruntime.ch_ppocr_det import TextDetector
from rapidocr_onnxruntime.utils import LoadImage


def run(model, rows):
    package = pathlib.Path(rapidocr_onnxruntime.__file__).parent
    config = yaml.safe_load((package / "config.yaml").read_text())["Det"]
    detector = TextDetector({**config, "model_path": str(model / "model.onnx")})
    load = LoadImage()
    found = []
    for row in rows:
        picture = load(row["content"])
        prepared = detector.get_preprocess(max(picture.shape[:2]))(picture)
        found.append({"map": detector.infer(prepared)[0][0]})
    return found
