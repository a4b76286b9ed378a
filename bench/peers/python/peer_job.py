"""Job of all peers: the same model, the same tensors from the same columns, and the same output columns."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pyarrow as pa
import pyarrow.compute as pc
from PIL import Image
from tokenizers import Tokenizer

NUMPY_TYPES = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(uint8)": np.uint8,
}

ARROW_TYPES = {
    "int32": pa.int32(),
    "int64": pa.int64(),
    "float32": pa.float32(),
    "float64": pa.float64(),
    "list<float32>": pa.list_(pa.float32()),
}


@dataclass(frozen=True)
class PeerJob:
    """Job file of the harness, as JSON. peer-job.ts describes each key."""

    input_files: list[str]
    model_path: str
    output_path: str
    tensors: list[dict[str, Any]]
    outputs: list[dict[str, Any]]
    keep: list[str]
    cores: int
    batch_rows: int
    variant: str

    @staticmethod
    def from_arguments() -> PeerJob:
        """Reads the job file in the only argument of the script."""
        return PeerJob(**json.loads(Path(sys.argv[1]).read_text()))

    @cached_property
    def columns(self) -> list[str]:
        """Used input columns, without duplicates."""
        return list(dict.fromkeys([*self.keep, *self.sources]))

    @cached_property
    def length_column(self) -> str | None:
        """Column whose rows have different lengths, of values or letters. None: the job has no such column."""
        return next(
            (tensor["columns"][0] for tensor in self.tensors if tensor["kind"] in ("padded", "tokens")), None
        )

    @cached_property
    def sources(self) -> list[str]:
        """Input columns of tensors, without duplicates."""
        return list(dict.fromkeys(name for tensor in self.tensors for name in tensor["columns"]))

    def session(self, threads: int) -> ort.InferenceSession:
        """Returns a session on the CPU. With one thread, it runs in the caller's thread, and no thread spins."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        return ort.InferenceSession(self.model_path, options, providers=["CPUExecutionProvider"])


class Model:
    """Session with conversions from columns to tensors and back."""

    def __init__(self, job: PeerJob, threads: int = 1) -> None:
        self.job = job
        self.session = job.session(threads)
        self.types = {given.name: NUMPY_TYPES[given.type] for given in self.session.get_inputs()}
        self.wanted = list(dict.fromkeys(output["tensor"] for output in job.outputs))
        self.tokenizers = {
            tensor["name"]: open_tokenizer(tensor) for tensor in job.tensors if tensor["kind"] == "tokens"
        }

    def predict(self, batch: pa.RecordBatch | pa.Table) -> dict[str, pa.Array]:
        """Returns the output columns of one batch, by one run of the model."""
        feeds, masks = self.feeds(batch)
        found = dict(zip(self.wanted, self.session.run(self.wanted, feeds), strict=True))
        return {
            output["column"]: as_arrow(
                apply(output, found[output["tensor"]], masks), ARROW_TYPES[output["type"]]
            )
            for output in self.job.outputs
        }

    def map_batch(self, batch: pa.RecordBatch | pa.Table) -> pa.RecordBatch:
        """Returns the kept columns and the output columns of one batch."""
        kept = {name: whole_column(batch, name) for name in self.job.keep}
        return pa.RecordBatch.from_pydict({**kept, **self.predict(batch)})

    def feeds(self, batch: pa.RecordBatch | pa.Table) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """
        Returns the tensors of a batch. For tensors with rows of uneven length, also returns masks of the positions
        without padding. A tensor with the key `of` follows the tensor in that key.
        """
        feeds: dict[str, np.ndarray] = {}
        masks: dict[str, np.ndarray] = {}
        for tensor in self.job.tensors:
            name, kind = tensor["name"], tensor["kind"]
            dtype = self.types[name]
            if kind == "mask":
                feeds[name] = masks[tensor["of"]].astype(dtype)
            elif kind == "types":
                feeds[name] = np.zeros_like(feeds[tensor["of"]], dtype)
            elif kind == "tokens":
                texts = whole_column(batch, tensor["columns"][0]).to_pylist()
                feeds[name], masks[name] = token_ids(self.tokenizers[name], texts, dtype)
            elif kind == "padded":
                array = whole_column(batch, tensor["columns"][0])
                lengths = lengths_of(array)
                masks[name] = np.arange(lengths.max(initial=0)) < lengths[:, None]
                feeds[name] = padded(array, masks[name], dtype)
            elif kind == "image":
                files = whole_column(batch, tensor["columns"][0])
                feeds[name] = np.stack([pixels(file.as_buffer(), tensor["image"]) for file in files])
            else:
                feeds[name] = self.values(tensor, batch, dtype)
        return feeds, masks

    def values(self, tensor: dict[str, Any], batch: pa.RecordBatch | pa.Table, dtype: type) -> np.ndarray:
        arrays = [whole_column(batch, name) for name in tensor["columns"]]
        if len(arrays) > 1:
            values = np.empty((len(batch), len(arrays)), dtype)
            for index, array in enumerate(arrays):
                values[:, index] = array.to_numpy(zero_copy_only=False)
        else:
            values = flat_values(arrays[0])
        if tensor["scale"] != 1:
            values = values * np.float32(tensor["scale"])
        return np.ascontiguousarray(values, dtype).reshape(len(batch), *tensor["shape"])


def open_tokenizer(tensor: dict[str, Any]) -> Tokenizer:
    tokenizer = Tokenizer.from_file(tensor["tokenizer"])
    tokenizer.enable_truncation(tensor["max_tokens"])
    tokenizer.enable_padding()
    return tokenizer


def token_ids(tokenizer: Tokenizer, texts: list[str], dtype: type) -> tuple[np.ndarray, np.ndarray]:
    """Returns tokens, as [rows, longest row], and the mask of positions without padding."""
    found = tokenizer.encode_batch(texts)
    return np.array([one.ids for one in found], dtype), np.array([one.attention_mask for one in found], bool)


def pixels(file: pa.Buffer, how: dict[str, Any]) -> np.ndarray:
    """Prepares a picture like torchvision: decodes and scales by Pillow, crops the middle, subtracts a mean.

    Shape: [height, width, 3].
    """
    with Image.open(io.BytesIO(file)) as picture:
        scaled = picture.convert("RGB").resize(
            (how["resize"]["width"], how["resize"]["height"]), Image.Resampling.BILINEAR
        )
    width, height = how["crop"]["width"], how["crop"]["height"]
    left, top = (scaled.width - width) // 2, (scaled.height - height) // 2
    values = np.asarray(scaled.crop((left, top, left + width, top + height)))
    if how["channels"] == "bgr":
        values = values[:, :, ::-1]
    return values * np.float32(how["rescale"]) - np.asarray(how["mean"], np.float32)


def sorted_by_length(job: PeerJob, table: pa.Table) -> pa.Table:
    """Sorts rows by length, which reduces padding. Returns the table unchanged if all rows have the same shape."""
    if job.length_column is None:
        return table
    return table.take(np.argsort(lengths_of(whole_column(table, job.length_column)), kind="stable"))


def batches_of(table: pa.Table, rows: int) -> Iterator[pa.Table]:
    for start in range(0, len(table), rows):
        yield table.slice(start, rows)


def whole_column(batch: pa.RecordBatch | pa.Table, name: str) -> pa.Array:
    column = batch.column(name)
    if isinstance(column, pa.ChunkedArray):
        return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    return column


def lengths_of(array: pa.Array) -> np.ndarray:
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        return np.asarray(pc.utf8_length(array))
    return np.asarray(array.value_lengths())


def padded(array: pa.Array, mask: np.ndarray, dtype: type) -> np.ndarray:
    """Returns rows padded with zeros, as [rows, longest row]."""
    values = np.zeros(mask.shape, dtype)
    values[mask] = array.flatten().to_numpy()
    return values


def flat_values(array: pa.Array) -> np.ndarray:
    """Returns the values of all rows in one dimension, without a copy if the column's memory allows it."""
    kind = array.type
    if pa.types.is_fixed_size_binary(kind):
        width = kind.byte_width
        return np.frombuffer(array.buffers()[1], np.uint8, len(array) * width, array.offset * width)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        offset_type = np.int64 if pa.types.is_large_binary(kind) else np.int32
        offsets = np.frombuffer(array.buffers()[1], offset_type)[array.offset : array.offset + len(array) + 1]
        return np.frombuffer(array.buffers()[2], np.uint8)[offsets[0] : offsets[-1]]
    if pa.types.is_nested(kind):
        return array.flatten().to_numpy()
    return array.to_numpy(zero_copy_only=False)


def apply(output: dict[str, Any], tensor: np.ndarray, masks: dict[str, np.ndarray]) -> np.ndarray:
    op = output["op"]
    if op == "raw":
        return tensor
    if op == "pool":
        return pooled(tensor, next(iter(masks.values())))
    if op == "sigmoid":
        return 1 / (1 + np.exp(-tensor))
    rows = tensor.reshape(len(tensor), -1)
    if op == "argmax":
        return rows.argmax(axis=1).astype(np.int32)
    powers = np.exp(rows - rows.max(axis=1, keepdims=True))
    shares = powers / powers.sum(axis=1, keepdims=True)
    if op == "maxSoftmax":
        return shares.max(axis=1)
    if op == "softmax":
        return shares
    raise ValueError(f"unsupported op for the peers: {op}")


def pooled(states: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Returns the mean of the positions without padding, as a vector of length 1."""
    weights = mask.astype(states.dtype)[:, :, None]
    mean = (states * weights).sum(axis=1) / weights.sum(axis=1)
    return mean / np.linalg.norm(mean, axis=1, keepdims=True)


def as_arrow(values: np.ndarray, kind: pa.DataType) -> pa.Array:
    """Returns an array with one value or one list per row."""
    if not pa.types.is_list(kind):
        return pa.array(values.reshape(-1)).cast(kind)
    flat = pa.array(values.reshape(-1)).cast(kind.value_type)
    width = values[0].size if len(values) > 0 else 0
    return pa.ListArray.from_arrays(pa.array(np.arange(len(values) + 1, dtype=np.int32) * width), flat)
