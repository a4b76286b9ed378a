"""Sources and targets of rows, for OpenLineage."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import shardmill

def lineage_of(result: shardmill.Result) -> Any:
    """Returns an `OperatorLineage`. None: no OpenLineage provider, or an output that is not readable here."""
    try:
        from airflow.providers.common.compat.openlineage.facet import Dataset, OutputDataset, OutputStatisticsOutputDatasetFacet
        from airflow.providers.openlineage.extractors import OperatorLineage
    except ImportError:
        return None
    try:
        manifest = result.manifest
    except (ImportError, shardmill.ShardmillError):
        manifest = {}
    inputs = [Dataset(*place) for place in input_places(manifest)]
    namespace, name = place_of(result.output)
    statistics = OutputStatisticsOutputDatasetFacet(rowCount=result.rows, size=_bytes(manifest))
    output = OutputDataset(namespace, name, outputFacets={"outputStatistics": statistics})
    return OperatorLineage(inputs=inputs, outputs=[output])


def input_places(manifest: Any) -> list[tuple[str, str]]:
    """Returns namespace and name of the inputs as the job names them: files, folders, patterns."""
    return [place_of(path) for path in manifest.get("inputs") or ()]


def place_of(location: str) -> tuple[str, str]:
    """Returns a dataset's name as in OpenLineage: `s3://bucket` and `path`, or `file` and `/path`."""
    parts = urlsplit(location)
    if parts.scheme in ("", "file"):
        return "file", parts.path or location
    return f"{parts.scheme}://{parts.netloc}", parts.path.lstrip("/") or "/"


def _bytes(manifest: Any) -> int:
    return sum(int(file["bytes"]) for file in manifest.get("files") or ())
