"""all-MiniLM-L6-v2 in sentence-transformers: one text at a time, normalized mean of the tokens' vectors."""

import numpy as np
import onnxruntime
from tokenizers import Tokenizer


def run(model, rows):
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(256)
    session = onnxruntime.InferenceSession(model / "model.onnx")
    found = []
    for row in rows:
        tokens = tokenizer.encode(row["text"])
        feeds = {"input_ids": tokens.ids, "attention_mask": tokens.attention_mask, "token_type_ids": tokens.type_ids}
        (hidden, *_) = session.run(["last_hidden_state"], {name: np.array([value]) for name, value in feeds.items()})
        pooled = hidden[0].astype(np.float64).mean(axis=0)
        found.append({"embedding": pooled / np.linalg.norm(pooled)})
    return found
