"""What a machine that joins is told: the settings that hold for all machines, with addresses that lead somewhere from there."""

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from pipeline.errors import SetupError
from pipeline.secrets import secret_keys
from pipeline.settings import Settings, revealed

OWN = frozenset(
    {
        "data_dir", "host", "port", "tls_port", "tls_cert_file", "tls_key_file",
        "models_dir", "models_file", "device", "decode_device", "concurrency", "threads", "image_children", "image_threads",
        "worker_memory_mb", "video_cache_bytes", "webhook_ca_file", "flower_user", "flower_password",
        "metrics_token", "tensorrt_fp16", "log_level", "log_format",
    }
)  # fmt: skip
"""Settings that every machine has for itself: folders, files, addresses it listens on, how it uses its cores and memory."""
ADDRESSES = ("database_url", "broker_url", "s3_endpoint_url")


def shared_settings(settings: Settings, reach: str | None) -> dict[str, Any]:
    """Name -> value of what is set and holds for all machines, as JSON has it; the secrets are among them.

    Args:
        settings: Of the installation.
        reach: Host that stands in the addresses of database, broker and object store for those who ask from elsewhere.
    """
    told = {name: value for name, value in revealed(settings).items() if name not in OWN and value is not None}
    present, *older = secret_keys(settings).read()
    told["secret_key"] = present.decode()
    if older:
        told["previous_secret_keys"] = b" ".join(older).decode()
    told["public_url"], told["public_https_url"] = settings.http_url, settings.https_url
    # Those who join must not change the schema under the machines that are there.
    told["auto_upgrade"] = False
    for name in ADDRESSES:
        if name in told and reach is not None:
            told[name] = _with_host(told[name], reach)
    return told


def notes(settings: Settings) -> Iterator[str]:
    """What cannot be told and has to be seen to on the other machine."""
    if settings.models_file is not None:
        yield f"this installation overrides models in {settings.models_file}; set REELSIGHT_MODELS_FILE here to a file like it"
    if settings.s3_access_key_id is None:
        yield "this installation has no setting for the key of the object store; this machine needs one of its own, as boto3 finds it"


def check_reachable(settings: Settings, reach: str | None, *, same_host: bool = False) -> None:
    """Says what keeps other machines from joining.

    Args:
        settings: Of the installation.
        reach: See `shared_settings`.
        same_host: The other machine is this one too, in another data directory: loopback leads there as well.

    Raises:
        SetupError: an address means something only on this machine; the message says what to change.
    """
    _check_database(settings, reach, same_host)
    _check_broker(settings, reach, same_host)
    if settings.s3_endpoint_url is None:
        raise SetupError(
            "videos and results are in directories of this machine; set REELSIGHT_S3_ENDPOINT_URL to an S3-compatible store"
        )
    _check_host("REELSIGHT_S3_ENDPOINT_URL", urlsplit(settings.s3_endpoint_url).hostname, reach, same_host)
    _check_host("REELSIGHT_PUBLIC_HTTPS_URL", urlsplit(settings.https_url).hostname, None, same_host)


def _check_database(settings: Settings, reach: str | None, same_host: bool) -> None:
    try:
        url = make_url(settings.sqlalchemy_url)
    except ArgumentError:
        raise SetupError("REELSIGHT_DATABASE_URL is no URL of a database") from None
    if url.get_backend_name() == "sqlite":
        raise SetupError("the database is a file of this machine; set REELSIGHT_DATABASE_URL to a PostgreSQL server")
    host = str(url.query["host"]) if "host" in url.query else url.host
    _check_host("REELSIGHT_DATABASE_URL", host, reach if "host" not in url.query else None, same_host)


def _check_broker(settings: Settings, reach: str | None, same_host: bool) -> None:
    if settings.broker_url is None or settings.broker_url.startswith("redis+socket:"):
        raise SetupError(
            "the broker listens on a socket file of this machine; set REELSIGHT_BROKER_URL to a Redis server reached over TCP"
        )
    _check_host("REELSIGHT_BROKER_URL", urlsplit(settings.broker_url).hostname, reach, same_host)


def _check_host(variable: str, host: str | None, reach: str | None, same_host: bool) -> None:
    """Looks at the host only: the rest of these URLs is secret."""
    host = reach or host
    if not host or host.startswith("/"):
        raise SetupError(f"{variable} names no host but a socket or nothing, which only this machine has")
    if _is_here(host) and not same_host:
        raise SetupError(
            f"{variable} leads to {host}, which is another machine for everybody else; set it to an address of this "
            "machine's network" + (", or tell one with --reach" if variable != "REELSIGHT_PUBLIC_HTTPS_URL" else "")
        )


def _is_here(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return host.lower() == "localhost" or host.lower().endswith(".localhost")
    return address.is_loopback or address.is_unspecified


def _with_host(url: str, host: str) -> str:
    """The URL with another host; user, password, port and path stay."""
    parts = urlsplit(url)
    user, at, where = parts.netloc.rpartition("@")
    port = where.rpartition("]")[2].partition(":")[2]
    bracketed = f"[{host}]" if ":" in host else host
    return urlunsplit(parts._replace(netloc=f"{user}{at}{bracketed}" + (f":{port}" if port else "")))
