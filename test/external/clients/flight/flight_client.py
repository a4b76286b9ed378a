"""Reads a server of Arrow Flight with pyarrow, and compares with the files that it serves.

    flight_client.py read ADDRESS OUTPUT      all flights of a published output, with concurrent endpoints
    flight_client.py same FOLDER OUTPUT       files that another client wrote into FOLDER, one for each flight
    flight_client.py refusals ADDRESS         answers to an unknown client and to requests for missing flights
    flight_client.py left ADDRESS TIMES       abandoned streams, and then one complete read
    flight_client.py rows ADDRESS PATH        the rows of one flight
The environment variable SECRET has the secret. Prints one JSON value.
"""

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.flight as flight
import pyarrow.parquet as parquet


def options(secret=os.environ.get("SECRET", "")):
    return flight.FlightCallOptions(headers=[(b"authorization", b"Bearer " + secret.encode())], timeout=60)


def files_of(output):
    """Returns the tables of an output's files, by flight."""
    tables = {}
    for file in json.loads((Path(output) / "_manifest.json").read_text())["files"]:
        path = file["path"]
        name = f"reduced/{Path(path).stem}" if file["kind"] == "reduced" else file["kind"]
        tables.setdefault(name, []).append(read_file(Path(output) / path))
    return {name: pa.concat_tables(parts) for name, parts in tables.items()}


def read_file(path):
    if path.suffix in (".parquet", ".pq"):
        return parquet.ParquetFile(path).read()
    return pa.ipc.open_file(path).read_all()


def compared(found, wanted):
    """Returns the different fields and columns, and the number of rows."""
    found.validate(full=True)
    fields = [f"{a} / {b}" for a, b in zip(found.schema, wanted.schema) if not a.equals(b)]
    columns = [name for name in wanted.column_names if not equal(found.column(name), wanted.column(name))]
    is_same = found.column_names == wanted.column_names and found.num_rows == wanted.num_rows
    return {"rows": found.num_rows, "same": is_same, "differ": fields + columns}


def equal(found, wanted):
    """Compares tables. NaN equals itself here."""
    return found.combine_chunks().equals(wanted.combine_chunks()) or repr(found.to_pylist()) == repr(wanted.to_pylist())


def read_flight(client, info):
    with ThreadPoolExecutor(8) as pool:
        parts = pool.map(lambda endpoint: client.do_get(endpoint.ticket, options()).read_all(), info.endpoints)
        return pa.concat_tables(parts)


def read(address, output):
    client = flight.connect(f"grpc://{address}")
    wanted = files_of(output)
    found = {}
    for info in client.list_flights(options=options()):
        name = "/".join(part.decode() for part in info.descriptor.path)
        table = read_flight(client, info)
        found[name] = {
            **compared(table, wanted[name]),
            "endpoints": len(info.endpoints),
            "announced": info.total_records,
            "ordered": info.ordered,
            "info schema": info.schema.equals(table.schema),
            "get schema": client.get_schema(info.descriptor, options()).schema.equals(table.schema),
        }
    return found


def same(folder, output):
    wanted = files_of(output)
    return {name: compared(read_file(Path(folder) / f"{name.replace('/', '-')}.arrow"), wanted[name]) for name in wanted}


def refusals(address):
    client = flight.connect(f"grpc://{address}")
    path = flight.FlightDescriptor.for_path
    ticket = next(iter(client.list_flights(options=options()))).endpoints[0].ticket
    calls = {
        "no secret": lambda: client.get_flight_info(path("rows")),
        "another secret": lambda: client.do_get(ticket, options("x" * 43)).read_all(),
        "no flight": lambda: client.get_flight_info(path("nothing"), options()),
        "a command": lambda: client.get_flight_info(flight.FlightDescriptor.for_command("rows"), options()),
        "no ticket": lambda: client.do_get(flight.Ticket(b"rows"), options()).read_all(),
        "an action": lambda: list(client.do_action("drop", options())),
    }
    return {name: raised(call) for name, call in calls.items()}


def raised(call):
    try:
        call()
    except Exception as error:
        return type(error).__name__
    return None


def left(address, times):
    client = flight.connect(f"grpc://{address}")
    info = client.get_flight_info(flight.FlightDescriptor.for_path("rows"), options())
    for _ in range(int(times)):
        reader = client.do_get(info.endpoints[0].ticket, options())
        reader.read_chunk()
        reader.cancel()
    return client.do_get(info.endpoints[0].ticket, options()).read_all().num_rows


def rows(address, path):
    client = flight.connect(f"grpc://{address}")
    info = client.get_flight_info(flight.FlightDescriptor.for_path(path), options())
    return read_flight(client, info).to_pylist()


task, *arguments = sys.argv[1:]
print(json.dumps({"read": read, "same": same, "refusals": refusals, "left": left, "rows": rows}[task](*arguments)))
