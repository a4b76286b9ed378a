"""
A hand-written loop with pyarrow and onnxruntime, in three variants. The harness uses the fastest.

threads    one thread per core takes batches from one reader, and runs them with one intra-op thread. pyarrow and
           onnxruntime release the interpreter's lock while they work
processes  one process per core with its own session, over row groups of a shared list
pipeline   one session with all cores, which runs concurrently with reading and writing
"""

from __future__ import annotations

import multiprocessing
import queue
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from object_store import file_system, named
from peer_job import Model, PeerJob, batches_of, sorted_by_length

Part = tuple[str, int]

ROW_GROUP_ROWS = 65_536
BATCHES_BEHIND = 64
# Limit of the wait for a writer, because a failed writer takes no more batches.
WRITER_SECONDS = 120


def main() -> None:
    job = PeerJob.from_arguments()
    Path(job.output_path).mkdir(parents=True)
    {"threads": in_threads, "processes": in_processes, "pipeline": in_pipeline}[job.variant](job)


def in_threads(job: PeerJob) -> None:
    model = Model(job)
    batches = Shared(read_ahead(job))
    with ThreadPoolExecutor(job.cores) as pool:
        list(pool.map(lambda index: write(job, index, map(model.map_batch, batches)), range(job.cores)))


def in_processes(job: PeerJob) -> None:
    # Spawns processes, because neither library allows a fork once its threads run.
    context = multiprocessing.get_context("spawn")
    next_part = context.Value("q", 0)
    workers = [
        context.Process(target=process_main, args=(job, next_part, index)) for index in range(job.cores)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        if worker.exitcode != 0:
            raise SystemExit(f"a process ended with {worker.exitcode}")


def process_main(job: PeerJob, next_part: Any, index: int) -> None:
    pa.set_cpu_count(1)
    model = Model(job)
    batches = (batch for part in taken(parts_of(job), next_part) for batch in read(job, part))
    write(job, index, map(model.map_batch, batches))


def taken(parts: list[Part], next_part: Any) -> Iterator[Part]:
    """Yields parts that no other process has taken."""
    while True:
        with next_part.get_lock():
            at = next_part.value
            next_part.value += 1
        if at >= len(parts):
            return
        yield parts[at]


def in_pipeline(job: PeerJob) -> None:
    model = Model(job, threads=job.cores)
    behind: queue.Queue[pa.RecordBatch | None] = queue.Queue(BATCHES_BEHIND)
    with ThreadPoolExecutor(1) as pool:
        written = pool.submit(write, job, 0, iter(behind.get, None))
        try:
            for batch in read_ahead(job):
                behind.put(model.map_batch(batch), timeout=WRITER_SECONDS)
        finally:
            behind.put(None, timeout=WRITER_SECONDS)
        written.result()


class Shared:
    """Iterator that several threads share."""

    def __init__(self, items: Iterator[pa.Table]) -> None:
        self.items = items
        self.lock = threading.Lock()

    def __iter__(self) -> Shared:
        return self

    def __next__(self) -> pa.Table:
        with self.lock:
            return next(self.items)


def read_ahead(job: PeerJob) -> Iterator[pa.Table]:
    """Yields all batches, and reads the next row group meanwhile."""
    with ThreadPoolExecutor(1) as pool:
        parts = parts_of(job)
        coming = pool.submit(table_of, job, parts[0])
        for part in [*parts[1:], None]:
            table = coming.result()
            if part is not None:
                coming = pool.submit(table_of, job, part)
            yield from batches_of(table, job.batch_rows)


def parts_of(job: PeerJob) -> list[Part]:
    files = file_system(job.input_files)
    return [
        (path, group)
        for path in job.input_files
        for group in range(pq.read_metadata(named(path), filesystem=files).num_row_groups)
    ]


def read(job: PeerJob, part: Part) -> Iterator[pa.Table]:
    return batches_of(table_of(job, part), job.batch_rows)


def table_of(job: PeerJob, part: Part) -> pa.Table:
    path, group = part
    files = file_system([path])
    # Requests all columns of a row group at once, for files in a store.
    with pq.ParquetFile(named(path), filesystem=files, pre_buffer=files is not None) as file:
        table = file.read_row_group(group, columns=job.columns)
    return sorted_by_length(job, table)


def write(job: PeerJob, index: int, batches: Iterable[pa.RecordBatch]) -> None:
    """Writes one file, in row groups of a good size. Writes no file if there is no batch."""
    writer: pq.ParquetWriter | None = None
    for group in grouped(batches):
        table = pa.Table.from_batches(group)
        if writer is None:
            path = Path(job.output_path) / f"part-{index}.parquet"
            # No dictionary, because scores hardly ever repeat.
            writer = pq.ParquetWriter(path, table.schema, compression="zstd", use_dictionary=False)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def grouped(batches: Iterable[pa.RecordBatch]) -> Iterator[list[pa.RecordBatch]]:
    group: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        group.append(batch)
        rows += len(batch)
        if rows >= ROW_GROUP_ROWS:
            yield group
            group, rows = [], 0
    if group:
        yield group


if __name__ == "__main__":
    main()
