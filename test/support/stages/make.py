"""Makes two small models for a job with stages, and runs both graphs on each row alone in Python's onnxruntime.

    python -m venv venv && venv/bin/pip install onnx onnxruntime numpy
    venv/bin/python test/support/stages/make.py
"""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

FOLDER = Path(__file__).parent
FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
VOCABULARY, HIDDEN, KINDS, CLASSES, ROWS = 30, 6, 4, 3, 300
random = np.random.default_rng(11)


def value(name, kind, dims):
    return helper.make_tensor_value_info(name, kind, dims)


def floats(*dims):
    return random.standard_normal(dims).astype(np.float32)


def save(name, inputs, outputs, nodes, constants):
    """Saves a model and returns its session."""
    initializers = [numpy_helper.from_array(array, key) for key, array in constants.items()]
    graph = helper.make_graph(nodes, "graph", inputs, outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    (FOLDER / f"{name}.onnx").write_bytes(model.SerializeToString())
    return onnxruntime.InferenceSession(model.SerializeToString())


def encoder():
    """Mean of the vectors of a row's ids. An id that is not in the table fails."""
    return save(
        "encoder",
        [value("ids", INT64, ["batch", "sequence"]), value("mask", INT64, ["batch", "sequence"])],
        [value("embedding", FLOAT, ["batch", HIDDEN])],
        [
            helper.make_node("Gather", ["table", "ids"], ["vectors"]),
            helper.make_node("Cast", ["mask"], ["weights"], to=FLOAT),
            helper.make_node("Unsqueeze", ["weights", "last"], ["column"]),
            helper.make_node("Mul", ["vectors", "column"], ["own"]),
            helper.make_node("ReduceSum", ["own", "one"], ["sum"], keepdims=0),
            helper.make_node("ReduceSum", ["weights", "one"], ["count"], keepdims=1),
            helper.make_node("Div", ["sum", "count"], ["embedding"]),
        ],
        {
            "table": floats(VOCABULARY, HIDDEN),
            "last": np.array([2], np.int64),
            "one": np.array([1], np.int64),
        },
    )


def classifier():
    """Scores of an embedding, with a bias for the row's kind. A kind that is not in the table fails."""
    return save(
        "classifier",
        [value("embedding", FLOAT, ["batch", HIDDEN]), value("kind", INT64, ["batch"])],
        [value("logits", FLOAT, ["batch", CLASSES])],
        [
            helper.make_node("MatMul", ["embedding", "weight"], ["product"]),
            helper.make_node("Gather", ["bias", "kind"], ["own"]),
            helper.make_node("Add", ["product", "own"], ["logits"]),
        ],
        {"weight": floats(HIDDEN, CLASSES), "bias": floats(KINDS, CLASSES)},
    )


def run(session, feeds):
    """Returns the first output for one row. None: the model fails."""
    try:
        return session.run(None, feeds)[0]
    except Exception:
        return None


def main():
    onnxruntime.set_default_logger_severity(4)
    first, second = encoder(), classifier()
    rows = []
    for number in range(ROWS):
        ids = random.integers(0, VOCABULARY, random.integers(1, 12))
        kind = int(random.integers(0, KINDS))
        if number % 37 == 5:
            ids[-1] = VOCABULARY + 3
        if number % 41 == 7:
            kind = KINDS
        one = ids.astype(np.int64)[None]
        embedding = run(first, {"ids": one, "mask": np.ones_like(one)})
        feeds = {"embedding": embedding, "kind": np.array([kind], np.int64)}
        logits = None if embedding is None else run(second, feeds)
        rows.append(
            {
                "id": number,
                "ids": ids.tolist(),
                "kind": kind,
                "embedding": None if embedding is None else embedding[0].tolist(),
                "logits": None if logits is None else logits[0].tolist(),
            }
        )
    lines = [json.dumps(row) for row in rows]
    (FOLDER / "rows.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")


main()
