"""Bytes from URLs to files, under the certificates, proxies and logins that the user configured."""

import netrc
import shutil
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from urllib.request import url2pathname

import httpx

from pipeline.errors import ModelError
from pipeline.models.digest import sha256_of

MAX_DOWNLOAD_BYTES = 4 * 2**30
MAX_PAGE_BYTES = 64 * 2**20

Report = Callable[[int, int | None], None]
"""Called with the bytes so far and in all, the latter where known."""


def silent(_done: int, _total: int | None) -> None:
    """Reports nothing."""


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach servers; the defaults are what the environment says (HTTPS_PROXY, SSL_CERT_FILE, netrc).

    Attributes:
        cert: Bundle or folder of certificate authorities.
        client_cert: File with the client's certificate and key.
        trusted_hosts: Hosts whose certificates are not checked.
    """

    cert: str | None = None
    client_cert: str | None = None
    proxy: str | None = None
    trusted_hosts: frozenset[str] = frozenset()
    timeout_s: float = 60.0


def download(url: str, into: Path, access: Access, report: Report = silent, sha256: str | None = None) -> None:
    """Writes what `url` (http, https, file) serves to `into`.

    Raises:
        ModelError: unreachable, refused, too large, or of another hash; the message holds no login.
    """
    if url.startswith("file:"):
        _copy_local(local_path(url), into)
    else:
        _stream(url, into, access, report)
    if sha256 is not None and (found := sha256_of(into)) != sha256.lower():
        raise ModelError(f"{redacted(url)} has SHA-256 {found} where its index says {sha256}")


def page(url: str, access: Access, accept: str) -> tuple[str, str, str] | None:
    """Final URL, content type and text of a web page; None where the server says there is none (404, 410).

    Raises:
        ModelError: unreachable, refused or absurdly large.
    """
    try:
        with (
            _client(url, access) as client,
            client.stream("GET", url, headers={"Accept": accept}, auth=_login(url)) as answer,
        ):
            if answer.status_code in {404, 410}:
                return None
            answer.raise_for_status()
            body = bytearray()
            for block in answer.iter_bytes():
                body += block
                if len(body) > MAX_PAGE_BYTES:
                    raise ModelError(f"{redacted(url)} is absurdly large")
            return str(answer.url), answer.headers.get("content-type", ""), body.decode("utf-8", "replace")
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise _unreachable(url, error) from error


def local_path(url: str) -> Path:
    """The path that a file URL means."""
    return Path(url2pathname(urlsplit(url).path))


def redacted(url: str) -> str:
    """The URL without its login."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _copy_local(path: Path, into: Path) -> None:
    try:
        shutil.copyfile(path, into)
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}") from error


def _stream(url: str, into: Path, access: Access, report: Report) -> None:
    try:
        # Packages are compressed already; a second coding on the way would only have to be undone.
        plain = {"Accept-Encoding": "identity"}
        with _client(url, access) as client, client.stream("GET", url, headers=plain, auth=_login(url)) as answer:
            answer.raise_for_status()
            total = int(answer.headers["content-length"]) if "content-length" in answer.headers else None
            with into.open("wb") as out:
                for block in answer.iter_raw(2**18):
                    out.write(block)
                    report(out.tell(), total)
                    if out.tell() > MAX_DOWNLOAD_BYTES:
                        raise ModelError(f"{redacted(url)} is larger than {MAX_DOWNLOAD_BYTES} bytes; refused")
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise _unreachable(url, error) from error


def _client(url: str, access: Access) -> httpx.Client:
    host = urlsplit(url)
    verify: ssl.SSLContext | bool = {host.hostname, host.netloc.rpartition("@")[2]}.isdisjoint(access.trusted_hosts)
    if verify and host.scheme == "https":
        verify = _certificates(access)
    return httpx.Client(verify=verify, proxy=access.proxy, timeout=access.timeout_s, follow_redirects=True)


def _certificates(access: Access) -> ssl.SSLContext:
    place = Path(access.cert) if access.cert else None
    context = ssl.create_default_context(
        cafile=str(place) if place and not place.is_dir() else None,
        capath=str(place) if place and place.is_dir() else None,
    )
    if access.client_cert:
        context.load_cert_chain(access.client_cert)
    return context


def _login(url: str) -> httpx.Auth | None:
    """The netrc file's login, where the URL itself carries none."""
    if urlsplit(url).username:
        return None
    try:
        return httpx.NetRCAuth()
    except (OSError, netrc.NetrcParseError):
        return None


def _unreachable(url: str, error: Exception) -> ModelError:
    if isinstance(error, httpx.HTTPStatusError):
        return ModelError(f"{redacted(url)} answered {error.response.status_code}")
    return ModelError(f"cannot reach {redacted(url)}: {str(error) or type(error).__name__}")
