"""
Ray Data: read_parquet, map_batches with a pool of actors, write_parquet.

blocks       Ray's default blocks of the files
repartition  blocks of sixteen batches, so that no actor is idle while another has a whole file left
"""

from __future__ import annotations

import logging

import pyarrow as pa
import ray
from object_store import file_system, named
from peer_job import Model, PeerJob

# Share of a CPU that each actor reserves while the job runs. With a whole CPU each, Ray would never schedule tasks that
# read or write. With half a CPU each, such tasks have the other half, and the kernel balances the load.
ACTOR_CPUS = 0.5
BATCHES_PER_BLOCK = 16


class Predictor:
    """Actor with one session."""

    def __init__(self, job: PeerJob) -> None:
        pa.set_cpu_count(1)
        self.model = Model(job)

    def __call__(self, batch: pa.Table) -> pa.Table:
        return pa.Table.from_batches([self.model.map_batch(batch)])


def main() -> None:
    job = PeerJob.from_arguments()
    ray.init(
        num_cpus=job.cores,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
    )
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    files = [named(path) for path in job.input_files]
    dataset = ray.data.read_parquet(files, filesystem=file_system(job.input_files)).select_columns(job.columns)
    if job.variant == "repartition":
        dataset = dataset.repartition(target_num_rows_per_block=BATCHES_PER_BLOCK * job.batch_rows)
    (
        dataset.map_batches(
            Predictor,
            fn_constructor_args=(job,),
            compute=ray.data.ActorPoolStrategy(size=job.cores),
            batch_size=job.batch_rows,
            batch_format="pyarrow",
            zero_copy_batch=True,
            num_cpus=ACTOR_CPUS,
        ).write_parquet(job.output_path, compression="zstd", use_dictionary=False)
    )
    ray.shutdown()


if __name__ == "__main__":
    main()
