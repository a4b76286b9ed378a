"""Daft: reads each file below a prefix as a row, and writes its path and the SHA-256 of its bytes.

Arguments: the bucket and prefix, the folder of the output, and the number of cores, which Daft finds by itself.
"""

from __future__ import annotations

import hashlib
import os
import sys

import daft
from daft import DataType, Series, col
from daft.io import IOConfig, S3Config


@daft.func.batch(return_dtype=DataType.string())
def digest(contents: Series) -> list[str]:
    return [hashlib.sha256(content).hexdigest() for content in contents.to_pylist()]


def main() -> None:
    place, output, _cores = sys.argv[1:]
    store = IOConfig(
        s3=S3Config(
            endpoint_url=os.environ["AWS_ENDPOINT_URL"],
            region_name=os.environ["AWS_REGION"],
            key_id=os.environ["AWS_ACCESS_KEY_ID"],
            access_key=os.environ["AWS_SECRET_ACCESS_KEY"],
        )
    )
    files = daft.from_glob_path(f"s3://{place}/**", io_config=store)
    content = col("path").download(io_config=store)
    files.select(col("path"), digest(content).alias("digest")).write_parquet(output)


if __name__ == "__main__":
    main()
