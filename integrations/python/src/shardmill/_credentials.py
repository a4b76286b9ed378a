"""Authentication of the client and the coordinator, from the same settings as the `shardmill` commands."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

import grpc

from .errors import ShardmillError

_SECRET = re.compile(r"[A-Za-z0-9._~+/=-]{32,1024}")


@dataclass(frozen=True)
class Tls:
    """PEM files."""

    ca: str | os.PathLike[str]
    """CA of the coordinator's certificate. `system`: any CA that this system trusts."""
    cert: str | os.PathLike[str] | None = None
    """Certificate of the client. It needs `key`."""
    key: str | os.PathLike[str] | None = None


@dataclass(frozen=True)
class Identity:
    """A token, a token's file, or the file of the user's secret. Each call reads the file, so it can be replaced."""

    token: str | None
    token_file: Path | None
    secret_file: Path

    def metadata(self) -> tuple[tuple[str, str], ...]:
        shown = self._shown()
        return () if shown is None else (("authorization", f"Bearer {shown}"),)

    def _shown(self) -> str | None:
        if self.token is not None:
            return self.token
        path = self.token_file or self.secret_file
        code = "SECRET_INVALID" if self.token_file is None else "TOKEN_INVALID"
        try:
            with path.open() as file:
                _refuse_open(path, os.fstat(file.fileno()), code)
                text = file.read().strip()
        except FileNotFoundError:
            if self.token_file is None:
                return None
            raise _invalid(code, f"the file {path} is missing") from None
        except OSError as error:
            raise _invalid(code, f"{path} cannot be read: {error}") from error
        if _SECRET.fullmatch(text) is None:
            raise _invalid(code, f"{path} holds no secret: expected 32 letters and digits or more, on one line")
        return text


def identity_of(
    token: str | None,
    token_file: str | os.PathLike[str] | None,
    secret_file: str | os.PathLike[str] | None,
) -> Identity:
    """Returns the identity. Arguments override the environment, and a token overrides the user's secret."""
    if token is None and token_file is None and secret_file is None:
        token = os.environ.get("SHARDMILL_TOKEN") or None
    return Identity(
        token=token,
        token_file=None if token_file is None else Path(token_file),
        secret_file=Path(secret_file or os.environ.get("SHARDMILL_SECRET_FILE") or _config() / "secret"),
    )


def tls_of(given: Tls | None) -> Tls | None:
    if given is not None:
        return given
    ca = os.environ.get("SHARDMILL_TLS_CA")
    if not ca:
        return None
    cert, key = os.environ.get("SHARDMILL_TLS_CERT") or None, os.environ.get("SHARDMILL_TLS_KEY") or None
    return Tls(ca, cert, key)


def channel_credentials(tls: Tls) -> grpc.ChannelCredentials:
    """Returns the credentials. Raises `TLS_INVALID` for missing files or a certificate without its key."""
    if (tls.cert is None) != (tls.key is None):
        raise _invalid("TLS_INVALID", "a client certificate needs its key: pass both cert and key")
    return grpc.ssl_channel_credentials(
        root_certificates=None if tls.ca == "system" else _read(tls.ca),
        private_key=None if tls.key is None else _read(tls.key),
        certificate_chain=None if tls.cert is None else _read(tls.cert),
    )


def _refuse_open(path: Path, found: os.stat_result, code: str) -> None:
    """Refuses files that other users can read, like the `shardmill` commands. A group may read files of root, as in
    Kubernetes.
    """
    user = getattr(os, "geteuid", lambda: None)()
    if user is None:
        return
    is_given_by_root = found.st_uid == 0 and user != 0
    if found.st_mode & (0o037 if is_given_by_root else 0o077) and not stat.S_ISFIFO(found.st_mode):
        mode = f"{stat.S_IMODE(found.st_mode):03o}"
        raise _invalid(code, f"{path} can be read by others (its mode is {mode}): chmod 600 {path}")
    if found.st_uid not in (user, 0):
        raise _invalid(code, f"{path} belongs to another user ({found.st_uid})")


def _read(path: str | os.PathLike[str]) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise _invalid("TLS_INVALID", f"{path} cannot be read: {error}") from error


def _config() -> Path:
    users = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(users) if os.path.isabs(users) else Path.home() / ".config") / "shardmill"


def _invalid(code: str, message: str) -> ShardmillError:
    return ShardmillError(code, message)
