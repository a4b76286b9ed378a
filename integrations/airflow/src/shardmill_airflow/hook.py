"""Connection to a coordinator."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from airflow.providers.common.compat.sdk import BaseHook

import shardmill
import shardmill.aio


class ShardmillHook(BaseHook):
    """A connection of type `shardmill`: host, port, and the token as the password.

    All keys of its extra are optional: `tls_ca` (a path, or `system`), `tls_cert`, `tls_key`, `secret_file`,
    `flight` (`host:port` of Arrow Flight), and `page` (the address of the page, `https://node1:7435`).
    """

    conn_name_attr = "shardmill_conn_id"
    default_conn_name = "shardmill_default"
    conn_type = "shardmill"
    hook_name = "Shardmill"

    def __init__(self, shardmill_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.shardmill_conn_id = shardmill_conn_id

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        return {
            "hidden_fields": ["schema", "login"],
            "relabeling": {"password": "Token"},
            "placeholders": {
                "host": "node1",
                "port": "7433",
                "extra": '{"tls_ca": "/etc/shardmill/ca.crt", "page": "https://node1:7435"}',
            },
        }

    @cached_property
    def settings(self) -> dict[str, Any]:
        """Arguments of a client. They are small, and contain the token."""
        found = self.get_connection(self.shardmill_conn_id)
        extra = found.extra_dejson
        tls = None
        if extra.get("tls_ca"):
            tls = shardmill.Tls(extra["tls_ca"], extra.get("tls_cert"), extra.get("tls_key"))
        return {
            "address": f"{found.host or 'localhost'}:{found.port or 7433}",
            "token": found.password or None,
            "secret_file": extra.get("secret_file"),
            "flight": extra.get("flight"),
            "tls": tls,
        }

    @cached_property
    def page(self) -> str | None:
        """Address of the coordinator's page for browsers."""
        page = self.get_connection(self.shardmill_conn_id).extra_dejson.get("page")
        return None if not page else str(page).rstrip("/")

    def get_conn(self, patience: float | None = None) -> shardmill.Client:
        """Returns a client, which the caller must close.

        :param patience: seconds to wait for an unreachable coordinator. Default: the client's.
        """
        limits = {} if patience is None else {"patience": patience}
        return shardmill.Client(**self.settings, **limits)

    def test_connection(self) -> tuple[bool, str]:
        """Tests the connection for the button in Airflow's form."""
        try:
            with self.get_conn() as client:
                return True, f"the coordinator at {client.address} has {len(client.jobs())} jobs"
        except shardmill.ShardmillError as error:
            return False, str(error)


async def aio_client(shardmill_conn_id: str, patience: float) -> shardmill.aio.Client:
    """Returns a client for triggers, whose event loop must not block."""
    hook = ShardmillHook(shardmill_conn_id)
    settings = await _settings_of(hook)
    return shardmill.aio.Client(**settings, patience=patience)


async def _settings_of(hook: ShardmillHook) -> dict[str, Any]:
    from asgiref.sync import sync_to_async

    return await sync_to_async(lambda: hook.settings)()
