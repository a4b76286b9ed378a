"""
DuckDB reads, and threads of Python run the model, as SQL users do.

threads  one thread per core takes batches from one result, and runs them with one intra-op thread
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import duckdb
import pyarrow as pa
from object_store import SCHEME
from peer_job import Model, PeerJob
from python_loop import Shared, write


def main() -> None:
    job = PeerJob.from_arguments()
    Path(job.output_path).mkdir(parents=True)
    model = Model(job)
    batches = Shared(read(job))
    with ThreadPoolExecutor(job.cores) as pool:
        list(pool.map(lambda index: write(job, index, map(model.map_batch, batches)), range(job.cores)))


def read(job: PeerJob) -> Iterator[pa.RecordBatch]:
    database = duckdb.connect()
    # The order is not needed here, and costs memory.
    database.execute("SET preserve_insertion_order = false")
    if job.input_files[0].startswith(SCHEME):
        use_store(database)
    columns = ", ".join(f'"{name}"' for name in job.columns)
    found = database.execute(f"SELECT {columns} FROM read_parquet($1)", [job.input_files])
    yield from found.to_arrow_reader(job.batch_rows)


def use_store(database: duckdb.DuckDBPyConnection) -> None:
    """Loads the extension from its Python package, because DuckDB would download it."""
    from duckdb_extension_httpfs import __path__ as places

    extension = next(Path(places[0]).rglob("httpfs.duckdb_extension"))
    database.execute(f"LOAD '{extension}'")
    url = urlsplit(os.environ["AWS_ENDPOINT_URL"])
    database.execute(
        f"""CREATE SECRET (
            TYPE s3, KEY_ID '{os.environ["AWS_ACCESS_KEY_ID"]}', SECRET '{os.environ["AWS_SECRET_ACCESS_KEY"]}',
            ENDPOINT '{url.netloc}', REGION '{os.environ["AWS_REGION"]}', URL_STYLE 'path',
            USE_SSL {"true" if url.scheme == "https" else "false"}
        )"""
    )


if __name__ == "__main__":
    main()
