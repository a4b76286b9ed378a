"""paraphrase-MiniLM-L3-v2, one text at a time. The model pools in its graph."""

import numpy as np
import onnxruntime
from tokenizers import Tokenizer


def run(model, rows):
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(128)
    session = onnxruntime.InferenceSession(model / "model.onnx")
    found = []
    for row in rows:
        tokens = tokenizer.encode(row["text"])
        feeds = {"input_ids": np.array([tokens.ids]), "attention_mask": np.array([tokens.attention_mask])}
        found.append({"embedding": session.run(["461"], feeds)[0][0]})
    return found
