"""Ray Data: reads each file below a prefix as a row, and writes its path and the SHA-256 of its bytes.

Arguments: the bucket and prefix, the folder of the output, and the number of cores.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sys

import ray
from pyarrow.fs import S3FileSystem


def digests(batch: dict) -> dict:
    return {"path": batch["path"], "digest": [hashlib.sha256(content).hexdigest() for content in batch["bytes"]]}


def main() -> None:
    place, output, cores = sys.argv[1:]
    ray.init(num_cpus=int(cores), include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    ray.data.DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    store = S3FileSystem(endpoint_override=os.environ["AWS_ENDPOINT_URL"], region=os.environ["AWS_REGION"])
    files = ray.data.read_binary_files(place, filesystem=store, include_paths=True)
    files.map_batches(digests).write_parquet(output)
    ray.shutdown()


if __name__ == "__main__":
    main()
