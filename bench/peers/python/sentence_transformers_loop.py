"""
sentence-transformers embeds texts by its backend for ONNX, with the model file of the job.

onnx  one session with all cores. The library sorts the texts of each row group by length
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
from peer_job import PeerJob, as_arrow, whole_column
from python_loop import parts_of, table_of, write
from sentence_transformers import SentenceTransformer
from sentence_transformers.models import Normalize, Pooling, Transformer

# Configuration of all-MiniLM-L6-v2, which the job's folder does not have.
CONFIG = {
    "model_type": "bert",
    "architectures": ["BertModel"],
    "hidden_size": 384,
    "intermediate_size": 1536,
    "num_attention_heads": 12,
    "num_hidden_layers": 6,
    "max_position_embeddings": 512,
    "vocab_size": 30522,
}


def main() -> None:
    job = PeerJob.from_arguments()
    Path(job.output_path).mkdir(parents=True)
    with tempfile.TemporaryDirectory() as folder:
        model = open_model(job, Path(folder))
        write(job, 0, embedded(job, model))


def open_model(job: PeerJob, folder: Path) -> SentenceTransformer:
    """Opens the job's model as a folder of Hugging Face."""
    tokens = next(tensor for tensor in job.tensors if tensor["kind"] == "tokens")
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"}))
    os.symlink(tokens["tokenizer"], folder / "tokenizer.json")
    (folder / "onnx").mkdir()
    os.symlink(job.model_path, folder / "onnx" / "model.onnx")
    transformer = Transformer(
        str(folder),
        max_seq_length=tokens["max_tokens"],
        backend="onnx",
        model_args={"provider": "CPUExecutionProvider", "file_name": "onnx/model.onnx"},
    )
    pooling = Pooling(transformer.get_word_embedding_dimension(), pooling_mode="mean")
    return SentenceTransformer(modules=[transformer, pooling, Normalize()], device="cpu", backend="onnx")


def embedded(job: PeerJob, model: SentenceTransformer) -> Iterator[pa.RecordBatch]:
    output = job.outputs[0]["column"]
    for part in parts_of(job):
        table = table_of(job, part)
        texts = whole_column(table, job.sources[0]).to_pylist()
        vectors = model.encode(texts, batch_size=job.batch_rows, show_progress_bar=False)
        kept = {name: whole_column(table, name) for name in job.keep}
        yield pa.RecordBatch.from_pydict({**kept, output: as_arrow(vectors, pa.list_(pa.float32()))})


if __name__ == "__main__":
    main()
