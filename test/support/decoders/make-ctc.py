"""Makes `ctc.json`: texts that other programs decode, and their scores.

Needs Python with numpy, rapidocr 3.10.0 and transformers 5.25.0. Run `python make-ctc.py` in this folder.
"""

import json
import tempfile

import numpy as np
from rapidocr.ch_ppocr_rec.utils import CTCLabelDecode
from transformers import Wav2Vec2CTCTokenizer

rng = np.random.default_rng(30)


def paths(rows, positions, classes, blank):
    """Classes by position, with many repeats and blanks."""
    fresh = rng.integers(0, classes, (rows, positions))
    kept = np.where(rng.random((rows, positions)) < 0.3, blank, fresh)
    for row in kept:
        for at in range(1, positions):
            if rng.random() < 0.3:
                row[at] = row[at - 1]
    return kept


# PaddleOCR: the list has neither the blank nor the space. Values are thousandths.
characters = ["a", "B", "7", "é", "中", "ß", "|", "-", "𝄞"]
classes = len(characters) + 2
best = paths(12, 14, classes, 0)
best[3] = 0
scores = rng.integers(0, 500, (*best.shape, classes))
np.put_along_axis(scores, best[..., None], rng.integers(500, 1000, best.shape)[..., None], axis=2)
lines, _ = CTCLabelDecode(list(characters))((scores / 1000).astype(np.float32))
paddle = {
    "characters": characters,
    "thousandths": scores.tolist(),
    "texts": [text for text, _ in lines],
    "scores": [score for _, score in lines],
}

# Wav2Vec2: the vocabulary names the blank, special tokens and the end of a word.
tokens = ["<pad>", "<s>", "</s>", "<unk>", "|", *"ETAOINSHRDLU'"]
vocabulary = {token: index for index, token in enumerate(tokens)}
with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
    json.dump(vocabulary, file)
    file.flush()
    tokenizer = Wav2Vec2CTCTokenizer(file.name)
ids = paths(40, 24, len(tokens), 0)
ids[1] = 4
wav2vec2 = {
    "vocabulary": vocabulary,
    "ids": ids.tolist(),
    "texts": [tokenizer.decode(row) for row in ids],
}
with open("ctc.json", "w", encoding="utf-8") as file:
    json.dump({"paddle": paddle, "wav2vec2": wav2vec2}, file, ensure_ascii=False)
    file.write("\n")
