"""Makes small models whose inputs follow from other inputs, and runs each row alone in Python's onnxruntime.

NumPy makes lengths, positions, masks and empty caches of each row.

    python -m venv venv && venv/bin/pip install onnx onnxruntime numpy
    venv/bin/python test/support/made-inputs/make.py
"""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

FOLDER = Path(__file__).parent
FLOAT, INT64, INT32 = TensorProto.FLOAT, TensorProto.INT64, TensorProto.INT32
random = np.random.default_rng(11)
WORDS, WIDTH, PLACES = 30, 4, 70


def value(name, kind, dims):
    return helper.make_tensor_value_info(name, kind, dims)


def numbers(*shape):
    return random.standard_normal(shape).astype(np.float32)


def one(*items):
    return np.array(items, np.int64)


def save(name, inputs, outputs, nodes, constants):
    """Saves a model and returns its session."""
    initializers = [numpy_helper.from_array(array, key) for key, array in constants.items()]
    nodes = [helper.make_node(op, ins.split(), outs.split(), **keys) for op, ins, outs, keys in nodes]
    graph = helper.make_graph(nodes, "graph", inputs, outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    (FOLDER / f"{name}.onnx").write_bytes(model.SerializeToString())
    return onnxruntime.InferenceSession(model.SerializeToString())


def write(name, rows):
    lines = [json.dumps(row, separators=(", ", ": ")) for row in rows]
    (FOLDER / f"{name}.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")


def lists_of_ids(count=40, least=1):
    return [random.integers(0, WORDS, random.integers(least, 25)).astype(np.int64) for _ in range(count)]


def decoder():
    """A decoder with a cache. Its mask counts the cache, too, and its positions are learned vectors."""
    past = ["batch", 2, "past_sequence_length", WIDTH]
    session = save(
        "decoder",
        [
            value("input_ids", INT64, ["batch", "sequence_length"]),
            value("attention_mask", INT64, ["batch", "past_sequence_length + sequence_length"]),
            value("position_ids", INT64, ["batch", "sequence_length"]),
            value("past_key_values.0.key", FLOAT, past),
            value("past_key_values.0.value", FLOAT, past),
        ],
        [
            value("logits", FLOAT, ["batch", "sequence_length", 5]),
            value("present.0.key", FLOAT, ["batch", 2, "past_sequence_length + sequence_length", WIDTH]),
        ],
        [
            ("Gather", "words input_ids", "word", {}),
            ("Gather", "places position_ids", "place", {}),
            ("Add", "word place", "hidden", {}),
            ("MatMul", "hidden keys", "all_keys", {}),
            ("Reshape", "all_keys heads", "split_keys", {}),
            ("Transpose", "split_keys", "new_keys", {"perm": [0, 2, 1, 3]}),
            ("Concat", "past_key_values.0.key new_keys", "present.0.key", {"axis": 2}),
            ("Concat", "past_key_values.0.value new_keys", "present_values", {"axis": 2}),
            ("Transpose", "present.0.key", "turned_keys", {"perm": [0, 1, 3, 2]}),
            ("MatMul", "new_keys turned_keys", "scores", {}),
            ("Cast", "attention_mask", "seen", {"to": FLOAT}),
            ("Sub", "seen one", "unseen", {}),
            ("Mul", "unseen large", "penalty", {}),
            ("Unsqueeze", "penalty axes", "penalties", {}),
            ("Add", "scores penalties", "masked", {}),
            ("Softmax", "masked", "weights", {"axis": -1}),
            ("MatMul", "weights present_values", "mixed", {}),
            ("Transpose", "mixed", "merged", {"perm": [0, 2, 1, 3]}),
            ("Reshape", "merged flat", "flattened", {}),
            ("MatMul", "flattened classes", "logits", {}),
        ],
        {
            "words": numbers(WORDS, 6),
            "places": numbers(PLACES, 6),
            "keys": numbers(6, 2 * WIDTH),
            "classes": numbers(2 * WIDTH, 5),
            "heads": one(0, 0, 2, WIDTH),
            "flat": one(0, 0, 2 * WIDTH),
            "axes": one(1, 2),
            "one": np.float32([1]),
            "large": np.float32([1e9]),
        },
    )
    rows = []
    for index, ids in enumerate(lists_of_ids()):
        empty = np.zeros((1, 2, 0, WIDTH), np.float32)
        feeds = {
            "input_ids": ids[None],
            "attention_mask": np.ones((1, len(ids)), np.int64),
            "position_ids": np.arange(len(ids), dtype=np.int64)[None],
            "past_key_values.0.key": empty,
            "past_key_values.0.value": empty,
        }
        (logits,) = session.run(["logits"], feeds)
        rows.append({"id": index, "ids": ids.tolist(), "logits": logits[0].tolist()})
    write("decoder", rows)


def speech():
    """An encoder of frames that knows padding by lengths only, and returns the lengths of its output."""
    session = save(
        "speech",
        [value("x", FLOAT, ["N", "T", 3]), value("x_lens", INT32, ["N"]), value("column_len", INT64, ["N", 1])],
        [value("mean", FLOAT, ["N", 3]), value("doubled", INT64, ["N", 1])],
        [
            ("Shape", "x", "shape", {}),
            ("Gather", "shape second", "frames", {}),
            ("Range", "zero frames step", "index", {}),
            ("Cast", "x_lens", "lens", {"to": INT64}),
            ("Unsqueeze", "lens last", "lens_column", {}),
            ("Less", "index lens_column", "isReal", {}),
            ("Cast", "isReal", "real", {"to": FLOAT}),
            ("Unsqueeze", "real behind", "weights", {}),
            ("Mul", "x weights", "weighted", {}),
            ("ReduceSum", "weighted second_axis", "sum", {"keepdims": 0}),
            ("Cast", "lens_column", "count", {"to": FLOAT}),
            ("Div", "sum count", "mean", {}),
            ("Add", "column_len column_len", "doubled", {}),
        ],
        {
            "second": np.array(1, np.int64),
            "zero": np.array(0, np.int64),
            "step": np.array(1, np.int64),
            "last": one(1),
            "behind": one(2),
            "second_axis": one(1),
        },
    )
    rows = []
    for index in range(40):
        x = numbers(random.integers(1, 25), 3)
        feeds = {"x": x[None], "x_lens": np.int32([len(x)]), "column_len": one(len(x))[None]}
        mean, doubled = session.run(None, feeds)
        rows.append({"id": index, "x": x.tolist(), "mean": mean[0].tolist(), "doubled": int(doubled[0, 0])})
    write("speech", rows)


def masks():
    """Attention by masks of n by n: one is added to scores, as exporters write it, the other is multiplied."""
    session = save(
        "masks",
        [
            value("ids", INT64, ["batch", "tokens"]),
            value("added", FLOAT, ["batch", 1, "tokens", "tokens"]),
            value("factor", INT64, ["batch", "tokens", "tokens"]),
        ],
        [value("mixed", FLOAT, ["batch", "tokens", 2])],
        [
            ("Gather", "words ids", "hidden", {}),
            ("Transpose", "hidden", "turned", {"perm": [0, 2, 1]}),
            ("MatMul", "hidden turned", "scores", {}),
            ("Squeeze", "added first", "penalty", {}),
            ("Add", "scores penalty", "masked", {}),
            ("Softmax", "masked", "weights", {"axis": -1}),
            ("Cast", "factor", "factors", {"to": FLOAT}),
            ("Mul", "weights factors", "kept", {}),
            ("MatMul", "kept hidden", "mixed", {}),
        ],
        {"words": numbers(WORDS, 2), "first": one(1)},
    )
    rows = []
    for index, ids in enumerate(lists_of_ids()):
        n = len(ids)
        causal = np.tril(np.ones((n, n), np.float32))
        feeds = {
            "ids": ids[None],
            "added": ((causal - 1) * 10000)[None, None],
            "factor": np.ones((1, n, n), np.int64),
        }
        (mixed,) = session.run(None, feeds)
        rows.append({"id": index, "ids": ids.tolist(), "mixed": mixed[0].tolist()})
    write("masks", rows)


def distances():
    """Atoms with the distances of each two of them, from a column. Padding has the distance 9."""
    session = save(
        "distances",
        [value("atoms", INT64, ["batch", "n"]), value("distances", INT64, ["batch", "n", "n"])],
        [value("near", FLOAT, ["batch", "n"]), value("square", FLOAT, ["batch", "n", "n"])],
        [
            ("Gather", "weights atoms", "weight", {}),
            ("Less", "distances far", "isNear", {}),
            ("Cast", "isNear", "nearness", {"to": FLOAT}),
            ("Unsqueeze", "weight behind", "weight_column", {}),
            ("MatMul", "nearness weight_column", "sums", {}),
            ("Squeeze", "sums behind", "near", {}),
            ("Mul", "nearness weight_column", "square", {}),
        ],
        {"weights": numbers(WORDS), "far": one(3), "behind": one(2)},
    )
    rows = []
    for index, atoms in enumerate(lists_of_ids()):
        n = len(atoms)
        between = random.integers(0, 6, (n, n)).astype(np.int64)
        near, square = session.run(None, {"atoms": atoms[None], "distances": between[None]})
        row = {"id": index, "atoms": atoms.tolist(), "distances": between.tolist()}
        rows.append({**row, "near": near[0].tolist(), "square": square[0].tolist()})
    write("distances", rows)


decoder()
speech()
masks()
distances()
