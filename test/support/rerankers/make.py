"""Makes cross-encoder.onnx, a small BERT that scores pairs, as rerankers are exported. Also makes
expected.json: the reference library's tokens of some pairs, and their scores, computed in float64 without the
graph.

pip install tokenizers==0.23.3 onnx==1.23.2 onnxruntime==1.32.0 numpy; python make.py
"""

import json
import math
import os

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import InferenceSession
from tokenizers import Tokenizer

VOCABULARY, POSITIONS, WIDTH, HEADS, INNER, EPSILON = 900, 48, 16, 2, 32, 1e-12
HEAD = WIDTH // HEADS
here = os.path.dirname(os.path.abspath(__file__))
random = np.random.default_rng(11)


def weights(*dims):
    return (random.standard_normal(dims) * 0.5).astype(np.float32)


NORMS = ["embeddings.norm", "attention.norm", "output.norm"]
WEIGHTS = {
    "words": weights(VOCABULARY, WIDTH),
    "positions": weights(POSITIONS, WIDTH),
    "types": weights(2, WIDTH),
    **{f"{name}.scale": 1 + weights(WIDTH) / 5 for name in NORMS},
    **{f"{name}.bias": weights(WIDTH) / 5 for name in NORMS},
    **{f"{name}.weight": weights(WIDTH, WIDTH) for name in ["query", "key", "value", "dense", "pooler"]},
    **{f"{name}.bias": weights(WIDTH) / 5 for name in ["query", "key", "value", "dense", "pooler"]},
    "inner.weight": weights(WIDTH, INNER),
    "inner.bias": weights(INNER) / 5,
    "outer.weight": weights(INNER, WIDTH),
    "outer.bias": weights(WIDTH) / 5,
    "classifier.weight": weights(WIDTH, 1) * 4,
    "classifier.bias": weights(1),
}


def model():
    """Builds a graph as exporters do for BertForSequenceClassification with one label."""
    nodes = []

    def add(op, inputs, output, **attributes):
        nodes.append(helper.make_node(op, inputs, [output], **attributes))
        return output

    def linear(name, x):
        product = add("MatMul", [x, f"{name}.weight"], f"{name}.product")
        return add("Add", [product, f"{name}.bias"], f"{name}.out")

    def norm(name, x):
        return add("LayerNormalization", [x, f"{name}.scale", f"{name}.bias"], name, axis=-1, epsilon=EPSILON)

    def heads(name, perm):
        split = add("Reshape", [linear(name, "embeddings.norm"), "by_head"], f"{name}.split")
        return add("Transpose", [split], f"{name}.heads", perm=perm)

    add("Shape", ["input_ids"], "shape")
    add("Gather", ["shape", "one"], "length")
    add("Unsqueeze", ["length", "axes0"], "end")
    add("Slice", ["positions", "start", "end", "axes0"], "place")
    add("Gather", ["words", "input_ids"], "word")
    add("Gather", ["types", "token_type_ids"], "type")
    add("Add", [add("Add", ["word", "type"], "typed"), "place"], "embedded")
    norm("embeddings.norm", "embedded")
    add("Unsqueeze", ["attention_mask", "axes12"], "wide")
    add("Cast", ["wide"], "mask", to=TensorProto.FLOAT)
    add("Mul", [add("Sub", ["one_float", "mask"], "hidden"), "lowest"], "bias")
    query, key, value = heads("query", [0, 2, 1, 3]), heads("key", [0, 2, 3, 1]), heads("value", [0, 2, 1, 3])
    add("Div", [add("MatMul", [query, key], "dots"), "root"], "scaled")
    add("Softmax", [add("Add", ["scaled", "bias"], "biased")], "attention", axis=-1)
    add("Transpose", [add("MatMul", ["attention", value], "seen")], "seen.rows", perm=[0, 2, 1, 3])
    add("Reshape", ["seen.rows", "joined"], "context")
    norm("attention.norm", add("Add", [linear("dense", "context"), "embeddings.norm"], "attended"))
    inner = linear("inner", "attention.norm")
    erf = add("Erf", [add("Div", [inner, "root2"], "erf.in")], "erf")
    half = add("Mul", [inner, add("Add", [erf, "one_float"], "erf.up")], "gelu.twice")
    add("Add", [linear("outer", add("Mul", [half, "half"], "gelu")), "attention.norm"], "left")
    norm("output.norm", "left")
    add("Gather", ["output.norm", "zero"], "first", axis=1)
    add("Tanh", [add("Gemm", ["first", "pooler.weight", "pooler.bias"], "pooled.in")], "pooled")
    add("Gemm", ["pooled", "classifier.weight", "classifier.bias"], "logits")

    def ints(name, *values):
        return numpy_helper.from_array(np.array(values, np.int64), name)

    def number(name, value, dtype=np.float32):
        return numpy_helper.from_array(np.array(value, dtype), name)

    constants = [
        *[numpy_helper.from_array(value, name) for name, value in WEIGHTS.items()],
        *[number("zero", 0, np.int64), number("one", 1, np.int64), ints("start", 0), ints("axes0", 0), ints("axes12", 1, 2)],
        *[ints("by_head", 0, 0, HEADS, HEAD), ints("joined", 0, 0, WIDTH)],
        *[number("one_float", 1), number("half", 0.5), number("root2", math.sqrt(2)), number("root", math.sqrt(HEAD))],
        number("lowest", np.finfo(np.float32).min),
    ]
    names = ["input_ids", "attention_mask", "token_type_ids"]
    graph = helper.make_graph(
        nodes,
        "cross-encoder",
        [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch_size", "sequence_length"]) for name in names],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch_size", 1])],
        constants,
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    return made


def score(ids, types):
    """Computes the same score for one pair in float64."""
    w = {name: value.astype(np.float64) for name, value in WEIGHTS.items()}

    def norm(name, x):
        off = x - x.mean(axis=-1, keepdims=True)
        deviation = np.sqrt((off**2).mean(axis=-1, keepdims=True) + EPSILON)
        return off / deviation * w[f"{name}.scale"] + w[f"{name}.bias"]

    def linear(name, x):
        return x @ w[f"{name}.weight"] + w[f"{name}.bias"]

    x = norm("embeddings.norm", w["words"][ids] + w["types"][types] + w["positions"][: len(ids)])
    query, key, value = linear("query", x), linear("key", x), linear("value", x)
    context = []
    for head in range(HEADS):
        of = slice(head * HEAD, (head + 1) * HEAD)
        dots = query[:, of] @ key[:, of].T / math.sqrt(HEAD)
        shares = np.exp(dots - dots.max(axis=-1, keepdims=True))
        context.append(shares / shares.sum(axis=-1, keepdims=True) @ value[:, of])
    x = norm("attention.norm", linear("dense", np.concatenate(context, axis=-1)) + x)
    inner = linear("inner", x)
    gelu = inner * 0.5 * (1 + np.vectorize(math.erf)(inner / math.sqrt(2)))
    x = norm("output.norm", linear("outer", gelu) + x)
    return float((np.tanh(linear("pooler", x[0])) @ w["classifier.weight"] + w["classifier.bias"])[0])


onnx.save(model(), os.path.join(here, "cross-encoder.onnx"))
session = InferenceSession(os.path.join(here, "cross-encoder.onnx"))
tokenizers = os.path.join(here, "..", "tokenizers")
tokenizer = Tokenizer.from_file(os.path.join(tokenizers, "wordpiece.json"))
tokenizer.no_padding()
tokenizer.enable_truncation(POSITIONS)
texts = json.load(open(os.path.join(tokenizers, "expected.json"), encoding="utf-8"))["texts"]
queries = ["what did the jury say of the election?", "naïve café", "who plays the piano in the evening", "今天天气"]
pairs = []
for query in queries:
    for passage in texts[4:8] + texts[25:31] + texts[-8:]:
        found = tokenizer.encode(query, passage)
        known = score(found.ids, found.type_ids)
        feeds = {"input_ids": found.ids, "attention_mask": found.attention_mask, "token_type_ids": found.type_ids}
        ((logits,),) = session.run(["logits"], {name: np.array([each]) for name, each in feeds.items()})
        assert abs(logits[0] - known) < 1e-4, (logits[0], known)
        cut = len(found.overflowing) > 0
        pairs.append(
            {"query": query, "passage": passage, "ids": found.ids, "types": found.type_ids, "cut": cut, "score": known}
        )

with open(os.path.join(here, "expected.json"), "w", encoding="utf-8") as file:
    json.dump(pairs, file, ensure_ascii=True, separators=(",", ":"))
