"""Authentication by the user's secret, by tokens, and by TLS."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from shardmill_world import World

import shardmill


def certificate(folder: Path) -> tuple[Path, Path]:
    """Makes a self-signed certificate for this machine."""
    cert, key = folder / "server.crt", folder / "server.key"
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    named = ["-keyout", str(key), "-out", str(cert), "-days", "2", "-subj", "/CN=localhost"]
    subprocess.run([*made, *named, "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    key.chmod(0o600)
    return cert, key


def token(world: World, role: str) -> str:
    return str(json.loads(world.run("token", "create", "--role", role, "--json"))["token"])


def test_a_call_without_a_secret_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    _, address = world.coordinator()
    with shardmill.Client(address, secret_file=world.folder / "none") as client:
        with pytest.raises(shardmill.ShardmillError, match="SECRET_REFUSED"):
            client.jobs()
    monkeypatch.setenv("SHARDMILL_COORDINATOR", address)
    monkeypatch.setenv("SHARDMILL_SECRET_FILE", str(world.secret_file))
    with shardmill.Client() as client:
        assert client.address == address and client.jobs() == []


def test_a_secret_that_other_users_can_read_is_not_sent(world: World) -> None:
    _, address = world.coordinator()
    with shardmill.Client(address, secret_file=world.secret_file) as client:
        assert client.jobs() == []
        world.secret_file.chmod(0o644)
        with pytest.raises(shardmill.ShardmillError, match="mode is 644.*chmod 600.*SECRET_INVALID"):
            client.jobs()
        world.secret_file.chmod(0o600)
        assert client.jobs() == []
    theirs = world.folder / "token"
    theirs.write_text("x" * 40)
    theirs.chmod(0o640)
    with shardmill.Client(address, token_file=theirs) as client:
        with pytest.raises(shardmill.ShardmillError, match="TOKEN_INVALID"):
            client.jobs()


def test_a_token_over_tls_allows_the_calls_of_its_role(world: World) -> None:
    cert, key = certificate(world.folder)
    reader, submitter = token(world, "read"), token(world, "submit")
    options = ["--tls-cert", str(cert), "--tls-key", str(key), "--flight", "127.0.0.1:0"]
    coordinator, address = world.coordinator(*options)
    flight = coordinator.saw(r"[Ff]light on ([\d.]+:\d+)").group(1)
    tls = shardmill.Tls(ca=cert)
    world.worker(address, "--tls-ca", str(cert))
    with shardmill.Client(address, token=reader, tls=tls, flight=flight) as client:
        assert client.jobs() == []
        with pytest.raises(shardmill.ShardmillError, match="ROLE_REFUSED"):
            client.submit(world.job_file())
        with shardmill.Client(address, token=submitter, tls=tls) as other:
            job = other.submit(world.job_file())
            assert other.job(job.id).result().rows == 10_000
        # Arrow Flight accepts the same certificate and token.
        assert client.job(job.id).result().to_arrow("reduced/accuracy").num_rows == 2
    with shardmill.Client(address, token="x" * 40, tls=tls) as client:
        with pytest.raises(shardmill.ShardmillError, match="TOKEN_REFUSED|SECRET_REFUSED"):
            client.jobs()
    with shardmill.Client(address, token=reader) as client:
        with pytest.raises(shardmill.Unreachable, match="speaks TLS only"):
            client.jobs()


def test_a_certificate_without_its_key_and_a_missing_file_raise_errors(world: World) -> None:
    with pytest.raises(shardmill.ShardmillError, match="needs its key"):
        shardmill.Client(tls=shardmill.Tls(ca="system", cert="a.crt"))
    with pytest.raises(shardmill.ShardmillError, match="cannot be read"):
        shardmill.Client(tls=shardmill.Tls(ca=world.folder / "none.crt"))
    with shardmill.Client("127.0.0.1:1", token_file=world.folder / "none") as client:
        with pytest.raises(shardmill.ShardmillError, match="is missing"):
            client.jobs()
