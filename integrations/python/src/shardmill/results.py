"""Published outputs, read by pyarrow: `pip install shardmill[arrow]`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import ShardmillError
from .status import JobStatus

if TYPE_CHECKING:
    from ._wire import Target

ROWS = "rows"
_FORMATS = {".parquet": "parquet", ".pq": "parquet", ".arrow": "ipc"}


@dataclass(frozen=True)
class FlightTarget:
    """Address at which a coordinator serves results by Arrow Flight, with the client's credentials."""

    address: str | None
    target: Target


class Result:
    """A published output, with exactly the files of its manifest."""

    def __init__(self, status: JobStatus, flight: FlightTarget) -> None:
        self.status = status
        self._flight = flight

    def __repr__(self) -> str:
        return f"Result({self.output!r}, rows={self.rows}, dead_letters={self.dead_letters})"

    @property
    def output(self) -> str:
        """Address of the output, as the coordinator names it: a folder, or `s3://bucket/path`."""
        return self.status.output

    @property
    def rows(self) -> int:
        """Number of rows in the output."""
        return self.status.rows_out

    @property
    def dead_letters(self) -> int:
        """Number of rows that could not be mapped. `to_arrow("errors")` states the reasons."""
        return self.status.dead_letters

    @cached_property
    def manifest(self) -> Mapping[str, Any]:
        """Content of `_manifest.json`: the inputs, the versions, and all files with their digests.

        :raises ShardmillError: `OUTPUT_ELSEWHERE` when the output is not readable from here
        """
        filesystem, root = self._place(None)
        return self._read_manifest(filesystem, root)

    def dataset(self, name: str = ROWS, *, filesystem: Any = None) -> Any:
        """Returns the files as a `pyarrow.dataset.Dataset`, in the order of the input. Folders `name=value`
        are columns.

        :param name: `rows`, `reduced/NAME`, `errors`
        :param filesystem: a `pyarrow.fs.FileSystem` with the output. Default: made of the output's address
        :raises ShardmillError: `OUTPUT_ELSEWHERE` when the output is not readable from here
        """
        from pyarrow import dataset

        seen, root = self._place(filesystem)
        manifest = self._read_manifest(seen, root)
        paths = [file["path"] for file in manifest["files"] if _name_of(file) == name]
        if not paths:
            raise ShardmillError("NO_SUCH_OUTPUT", f"{self.output} has no {name}", hint=f"it has {_names(manifest)}")
        suffix = Path(paths[0]).suffix
        if suffix not in _FORMATS:
            raise ShardmillError(
                "NO_SUCH_OUTPUT",
                f"the {name} are text without column types: {self.output}/{paths[0]}",
                hint="read the files with pandas, Polars or DuckDB, or set output.rows to parquet or arrow",
            )
        return dataset.dataset(
            [f"{root}/{path}" for path in paths],
            format=_FORMATS[suffix],
            filesystem=seen,
            partitioning="hive",
            partition_base_dir=f"{root}/{name}",
        )

    def to_arrow(self, name: str = ROWS) -> Any:
        """Returns the rows as a `pyarrow.Table`: by Arrow Flight if the client has its address, otherwise
        from the files.

        :param name: `rows`, `reduced/NAME`, `errors`
        """
        if self._flight.address is not None:
            return self._by_flight(self._flight.address, name)
        return self.dataset(name).to_table()

    def _by_flight(self, address: str, name: str) -> Any:
        import pyarrow
        from pyarrow import flight

        tls, headers = self._flight.target.tls, self._flight.target.identity.metadata()
        secure: dict[str, Any] = {}
        if tls is not None and tls.ca != "system":
            secure["tls_root_certs"] = Path(tls.ca).read_bytes()
        if tls is not None and tls.cert is not None and tls.key is not None:
            secure["cert_chain"] = Path(tls.cert).read_bytes()
            secure["private_key"] = Path(tls.key).read_bytes()
        options = flight.FlightCallOptions(headers=[(key.encode(), value.encode()) for key, value in headers])
        with flight.connect(f"grpc{'' if tls is None else '+tls'}://{address}", **secure) as client:
            descriptor = flight.FlightDescriptor.for_path(self.status.job_id, *name.split("/"))
            info = client.get_flight_info(descriptor, options)
            tables = [client.do_get(endpoint.ticket, options).read_all() for endpoint in info.endpoints]
            return pyarrow.concat_tables(tables) if tables else info.schema.empty_table()

    def _place(self, filesystem: Any) -> tuple[Any, str]:
        from pyarrow import fs

        if filesystem is not None:
            return filesystem, self.output.split("://", 1)[-1]
        if "://" in self.output:
            found, root = fs.FileSystem.from_uri(self.output)
            return found, str(root)
        return fs.LocalFileSystem(), self.output

    def _read_manifest(self, filesystem: Any, root: str) -> Mapping[str, Any]:
        path = f"{root}/_manifest.json"
        try:
            with filesystem.open_input_stream(path) as file:
                read: Mapping[str, Any] = json.loads(file.read())
                return read
        except FileNotFoundError as error:
            raise ShardmillError(
                "OUTPUT_ELSEWHERE",
                f"{path} is missing on {os.uname().nodename}",
                hint="pass the coordinator's --flight address to the client, or a filesystem with the output to dataset()",
            ) from error


def _name_of(file: Mapping[str, Any]) -> str:
    """Returns the table that a file of the manifest belongs to. A reduction by key is a folder of parts."""
    return f"reduced/{Path(Path(file['path']).parts[1]).stem}" if file["kind"] == "reduced" else str(file["kind"])


def _names(manifest: Mapping[str, Any]) -> str:
    return ", ".join(sorted({_name_of(file) for file in manifest["files"]})) or "nothing"
