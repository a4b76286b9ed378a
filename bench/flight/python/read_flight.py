"""Reads all rows of a Flight server with pyarrow's client.

    read_flight.py ADDRESS STREAMS
Reads STREAMS endpoints at once, over one connection. Prints JSON: rows, bytes in memory, seconds and the client's CPU
seconds. The variable SECRET has the secret, if the server requires one.
"""

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pyarrow.flight as flight

address, streams = sys.argv[1], int(sys.argv[2])
headers = [(b"authorization", b"Bearer " + os.environ.get("SECRET", "").encode())]
options = flight.FlightCallOptions(headers=headers)


def read(endpoint):
    rows = size = 0
    for chunk in client.do_get(endpoint.ticket, options):
        rows += chunk.data.num_rows
        size += chunk.data.nbytes
    return rows, size


client = flight.connect(f"grpc://{address}")
info = client.get_flight_info(flight.FlightDescriptor.for_path("rows"), options)
started, cpu = time.monotonic(), time.process_time()
with ThreadPoolExecutor(streams) as pool:
    found = list(pool.map(read, info.endpoints))
seconds, cpu_seconds = time.monotonic() - started, time.process_time() - cpu
rows, size = (sum(values) for values in zip(*found))
print(json.dumps({"rows": rows, "bytes": size, "seconds": seconds, "cpuSeconds": cpu_seconds}))
