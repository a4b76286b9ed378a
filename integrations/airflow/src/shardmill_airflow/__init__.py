"""Airflow provider for Shardmill."""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"

_NAME = "Shardmill"


def get_provider_info() -> dict[str, Any]:
    """Returns the provider's description, for the entry point `apache_airflow_provider`."""

    def modules(*names: str) -> list[dict[str, Any]]:
        paths = [f"shardmill_airflow.{name}" for name in names]
        return [{"integration-name": _NAME, "python-modules": paths}]

    return {
        "package-name": "airflow-provider-shardmill",
        "name": _NAME,
        "description": "Runs batch-inference jobs on a Shardmill coordinator.",
        "versions": [__version__],
        "integrations": [{"integration-name": _NAME, "tags": ["service"]}],
        "hooks": modules("hook"),
        "operators": modules("operator"),
        "sensors": modules("sensor"),
        "triggers": modules("trigger"),
        "connection-types": [
            {"connection-type": "shardmill", "hook-class-name": "shardmill_airflow.hook.ShardmillHook"}
        ],
        "extra-links": ["shardmill_airflow.link.ShardmillJobLink"],
    }
