"""Makes expected-spans.json: results of transformers' token classification pipeline for the texts of
expected.json. It uses the tokenizers of this folder and generated logits.

pip install "transformers<5" numpy; python make-spans.py
"""

import json
import os

import numpy as np
from transformers import PreTrainedTokenizerFast
from transformers.pipelines.token_classification import AggregationStrategy, TokenClassificationPipeline

here = os.path.dirname(os.path.abspath(__file__))
labels = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "MISC"]
unknown = {"wordpiece": "[UNK]", "bpe": None, "unigram": "<unk>"}


class Config:
    id2label = dict(enumerate(labels))


def logits(seed, tokens):
    """Returns logits of each token by class, from a generator that any language can compute."""
    state = seed
    rows = []
    for _ in range(tokens):
        row = []
        for _ in labels:
            state = (state * 1664525 + 1013904223) % 2**32
            row.append(((state >> 16) % 1000) / 125 - 4)
        rows.append(row)
    return np.array(rows, dtype=np.float32)


def softmax(values):
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


# The long texts add no further cases.
texts = [text for text in json.load(open(os.path.join(here, "expected.json")))["texts"] if len(text) <= 60]
found = {}
for name, token in unknown.items():
    options = {} if token is None else {"unk_token": token}
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=os.path.join(here, f"{name}.json"), **options)
    pipeline = TokenClassificationPipeline.__new__(TokenClassificationPipeline)
    pipeline.tokenizer = tokenizer
    pipeline.model = type("Model", (), {"config": Config})
    by_strategy = {}
    for strategy in ["none", "simple", "first", "average", "max"]:
        by_text = []
        for index, text in enumerate(texts):
            encoded = tokenizer(text, return_offsets_mapping=True, return_special_tokens_mask=True, padding=False, truncation=False)
            kind = AggregationStrategy[strategy.upper()]
            scores = softmax(logits(index + 1, len(encoded["input_ids"])))
            before = pipeline.gather_pre_entities(
                text, np.array(encoded["input_ids"]), scores, encoded["offset_mapping"], np.array(encoded["special_tokens_mask"]), kind
            )
            spans = pipeline.aggregate(before, kind) if before else []
            key = "entity" if strategy == "none" else "entity_group"
            by_text.append(
                [
                    [span[key], round(float(span["score"]), 5), int(span["start"]), int(span["end"])]
                    for span in spans
                    if span[key] != "O"
                ]
            )
        by_strategy[strategy] = by_text
    found[name] = by_strategy

with open(os.path.join(here, "expected-spans.json"), "w") as file:
    json.dump({"labels": labels, "spans": found}, file, ensure_ascii=False, separators=(",", ":"))
