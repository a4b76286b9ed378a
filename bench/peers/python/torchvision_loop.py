"""
torchvision prepares pictures in a DataLoader, and onnxruntime runs the model.

inline   the DataLoader prepares pictures in the process of the model, between its runs
workers  one process per core prepares pictures meanwhile
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from peer_job import Model, PeerJob, whole_column
from PIL import Image
from python_loop import parts_of, table_of, write
from torch.utils.data import DataLoader, IterableDataset, get_worker_info
from torchvision.transforms import InterpolationMode, v2


def main() -> None:
    job = PeerJob.from_arguments()
    Path(job.output_path).mkdir(parents=True)
    workers = job.cores if job.variant == "workers" else 0
    torch.set_num_threads(job.cores)
    model = Prepared(job, threads=job.cores)
    loader = DataLoader(Pictures(job), batch_size=None, num_workers=workers)
    write(job, 0, map(model.map_prepared, loader))


class Pictures(IterableDataset[tuple[dict[str, Any], torch.Tensor]]):
    """Batches of kept columns and prepared pictures. Each process of the loader reads other row groups."""

    def __init__(self, job: PeerJob) -> None:
        self.job = job
        how = job.tensors[0]["image"]
        resize, crop = how["resize"], how["crop"]
        self.column = job.tensors[0]["columns"][0]
        self.is_bgr = how["channels"] == "bgr"
        self.transform = v2.Compose(
            [
                v2.Resize((resize["height"], resize["width"]), InterpolationMode.BILINEAR),
                v2.CenterCrop((crop["height"], crop["width"])),
                v2.PILToTensor(),
                v2.ToDtype(torch.float32),
            ]
        )
        self.factor = how["rescale"]
        self.mean = torch.tensor(how["mean"])[:, None, None]

    def __iter__(self) -> Iterator[tuple[dict[str, Any], torch.Tensor]]:
        worker = get_worker_info()
        first, step = (worker.id, worker.num_workers) if worker else (0, 1)
        for part in parts_of(self.job)[first::step]:
            table = table_of(self.job, part)
            for start in range(0, len(table), self.job.batch_rows):
                batch = table.slice(start, self.job.batch_rows)
                kept = {name: whole_column(batch, name) for name in self.job.keep}
                yield kept, torch.stack([self.prepare(file) for file in whole_column(batch, self.column)])

    def prepare(self, file: pa.Scalar) -> torch.Tensor:
        """Returns [height, width, 3], as the model has it."""
        with Image.open(io.BytesIO(file.as_buffer())) as picture:
            values = self.transform(picture.convert("RGB"))
        if self.is_bgr:
            values = values.flip(0)
        return (values * self.factor - self.mean).permute(1, 2, 0)


class Prepared(Model):
    """Model whose tensors are prepared."""

    def map_prepared(self, prepared: tuple[dict[str, Any], torch.Tensor]) -> pa.RecordBatch:
        kept, pictures = prepared
        self.ready = {self.job.tensors[0]["name"]: np.ascontiguousarray(pictures.numpy())}
        return pa.RecordBatch.from_pydict({**kept, **self.predict(pa.table(kept))})

    def feeds(self, batch: Any) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        return self.ready, {}


if __name__ == "__main__":
    main()
