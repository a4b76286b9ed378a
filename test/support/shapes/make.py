"""Makes small models whose outputs have open dimensions, and runs each row alone in Python's onnxruntime.

    python -m venv venv && venv/bin/pip install onnx onnxruntime numpy
    venv/bin/python test/support/shapes/make.py
"""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

FOLDER = Path(__file__).parent
FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
random = np.random.default_rng(7)


def value(name, kind, dims):
    return helper.make_tensor_value_info(name, kind, dims)


def save(name, inputs, outputs, nodes, constants):
    """Saves a model and returns its session."""
    initializers = [numpy_helper.from_array(array, key) for key, array in constants.items()]
    graph = helper.make_graph(nodes, "graph", inputs, outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    (FOLDER / f"{name}.onnx").write_bytes(model.SerializeToString())
    return onnxruntime.InferenceSession(model.SerializeToString())


def write(name, rows):
    lines = [json.dumps(row, separators=(", ", ": ")) for row in rows]
    (FOLDER / f"{name}.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")


def plain(array):
    """Returns an array as nested lists. Float32 values keep all digits."""
    return np.asarray(array).tolist()


def sounds():
    """Frames of a sound: their number follows the length of the row by a formula that nothing declares."""
    one = lambda *numbers: np.array(numbers, np.int64)
    session = save(
        "frames",
        [value("x", FLOAT, ["batch", "samples"])],
        [value("frames", FLOAT, ["batch", "time", 2]), value("energy", FLOAT, ["batch"])],
        [
            helper.make_node("Unsqueeze", ["x", "axis"], ["channel"]),
            helper.make_node("Conv", ["channel", "filters"], ["maps"], kernel_shape=[4], strides=[3]),
            helper.make_node("Transpose", ["maps"], ["frames"], perm=[0, 2, 1]),
            helper.make_node("ReduceMean", ["x"], ["energy"], axes=[1], keepdims=0),
        ],
        {"axis": one(1), "filters": random.standard_normal((2, 1, 4)).astype(np.float32)},
    )
    rows = []
    for id in range(60):
        x = random.standard_normal(4 + id * 7 % 23).astype(np.float32)
        frames, energy = session.run(None, {"x": x[None]})
        rows.append({"id": id, "x": plain(x), "frames": plain(frames[0]), "energy": float(energy[0])})
    write("frames", rows)


def boxes():
    """The positive scores of a row, as many as the row has, padded to the most of a batch."""
    one = lambda *numbers: np.array(numbers, np.int64)
    session = save(
        "boxes",
        [value("x", FLOAT, ["batch", 6])],
        [value("boxes", FLOAT, ["batch", "found", 2]), value("count", INT64, ["batch", 1])],
        [
            helper.make_node("Greater", ["x", "zero"], ["positive"]),
            helper.make_node("Cast", ["positive"], ["ones"], to=INT64),
            helper.make_node("ReduceSum", ["ones", "axis"], ["count"], keepdims=1),
            helper.make_node("ReduceMax", ["count"], ["most"], keepdims=0),
            helper.make_node("Unsqueeze", ["most", "first"], ["end"]),
            helper.make_node("TopK", ["x", "six"], ["sorted", "places"], axis=1),
            helper.make_node("Slice", ["sorted", "first", "end", "axis"], ["scores"]),
            helper.make_node("Slice", ["places", "first", "end", "axis"], ["indices"]),
            helper.make_node("Cast", ["indices"], ["floats"], to=FLOAT),
            helper.make_node("Unsqueeze", ["scores", "last"], ["a"]),
            helper.make_node("Unsqueeze", ["floats", "last"], ["b"]),
            helper.make_node("Concat", ["a", "b"], ["boxes"], axis=2),
        ],
        {"zero": np.zeros((), np.float32), "axis": one(1), "first": one(0), "last": one(2), "six": one(6)},
    )
    rows = []
    for id in range(50):
        x = random.standard_normal(6).astype(np.float32) - (3 if id % 10 == 0 else 0)
        found, count = session.run(None, {"x": x[None]})
        rows.append({"id": id, "x": plain(x), "boxes": plain(found[0]), "count": int(count[0, 0])})
    write("boxes", rows)


def pairs():
    """All products of a row with itself, without a batch: whole numbers in several open dimensions."""
    session = save(
        "pairs",
        [value("ids", INT64, [1, "n"])],
        [
            value("square", INT64, ["n", "n"]),
            value("cube", INT64, ["n", 1, "n", 2]),
            value("sum", INT64, []),
        ],
        [
            helper.make_node("Transpose", ["ids"], ["column"], perm=[1, 0]),
            helper.make_node("Mul", ["column", "ids"], ["square"]),
            helper.make_node("Unsqueeze", ["square", "inner"], ["wide"]),
            helper.make_node("Neg", ["wide"], ["negative"]),
            helper.make_node("Concat", ["wide", "negative"], ["cube"], axis=3),
            helper.make_node("ReduceSum", ["ids"], ["sum"], keepdims=0),
        ],
        {"inner": np.array([1, 3], np.int64)},
    )
    rows = []
    for id in range(20):
        ids = random.integers(-9, 9, 1 + id % 5)
        square, cube, total = session.run(None, {"ids": ids[None]})
        rows.append(
            {
                "id": id,
                "ids": plain(ids),
                "square": plain(square),
                "cube": plain(cube[:, 0]),
                "sum": int(total),
            }
        )
    write("pairs", rows)


sounds()
boxes()
pairs()
