"""
Daft on its native runner: read_parquet, a class UDF over batches, write_parquet.

threads    the UDF runs in threads of one process
processes  each instance of the UDF runs in its own process
"""

from __future__ import annotations

import os

import daft
import pyarrow as pa
from daft import DataType, Series, col
from daft.io import IOConfig, S3Config
from object_store import SCHEME
from peer_job import ARROW_TYPES, Model, PeerJob


def main() -> None:
    job = PeerJob.from_arguments()
    daft.set_runner_native()
    fields = {
        output["column"]: DataType.from_arrow_type(ARROW_TYPES[output["type"]]) for output in job.outputs
    }

    @daft.cls(max_concurrency=job.cores, use_process=job.variant == "processes")
    class Predictor:
        def __init__(self) -> None:
            pa.set_cpu_count(1)
            self.model = Model(job)

        @daft.method.batch(return_dtype=DataType.struct(fields), batch_size=job.batch_rows, unnest=True)
        def predict(self, *columns: Series) -> pa.StructArray:
            batch = pa.Table.from_arrays([series.to_arrow() for series in columns], names=job.sources)
            found = self.model.predict(batch)
            return pa.StructArray.from_arrays(list(found.values()), names=list(found))

    (
        daft.read_parquet(job.input_files, io_config=store_of(job))
        .select(*job.keep, Predictor().predict(*(col(name) for name in job.sources)))
        .write_parquet(job.output_path, compression="zstd")
    )


def store_of(job: PeerJob) -> IOConfig | None:
    if not job.input_files[0].startswith(SCHEME):
        return None
    return IOConfig(
        s3=S3Config(
            endpoint_url=os.environ["AWS_ENDPOINT_URL"],
            region_name=os.environ["AWS_REGION"],
            key_id=os.environ["AWS_ACCESS_KEY_ID"],
            access_key=os.environ["AWS_SECRET_ACCESS_KEY"],
        )
    )


if __name__ == "__main__":
    main()
    # Exits at once, because running threads of Daft 0.7 sometimes crash the interpreter at its end. All is written.
    os._exit(0)
