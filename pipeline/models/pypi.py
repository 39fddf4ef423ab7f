"""Files of Python packages, from the package indexes that pip is configured for; no package is installed, built or run.

pip itself is asked only for its configuration: `pip download` of a source distribution would run the package's build.
Source: PEP 503 and PEP 691 (the simple repository API).
"""

import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit, urlunsplit

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from pipeline.errors import ModelError
from pipeline.models.download import Access, local_path, page, redacted

DEFAULT_INDEX = "https://pypi.org/simple"
ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
CONFIG_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Indexes:
    """Where packages are looked for, in order, and how.

    Attributes:
        urls: Simple indexes (http, https, file).
        links: Folders and pages that list files.
        remark: What the user should know when nothing is found; empty where all is well.
    """

    urls: tuple[str, ...] = (DEFAULT_INDEX,)
    links: tuple[str, ...] = ()
    access: Access = field(default_factory=Access)
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """One downloadable file of an index; `sha256` None where the index does not say."""

    filename: str
    url: str
    sha256: str | None = None


def configured(environment: Mapping[str, str] | None = None) -> Indexes:
    """The indexes of the user's pip configuration: files and PIP_* variables, as `pip config list` merges them."""
    env = dict(os.environ if environment is None else environment)
    command = _pip()
    values = _pip_values(command, env) if command else _environment_values(env)
    remark = "" if command else "pip is not installed here, so only PIP_* and UV_* variables were read"
    urls = [] if _truth(values.get("no-index")) else [values.get("index-url") or DEFAULT_INDEX]
    urls += [] if not urls else values.get("extra-index-url", "").split()
    access = Access(
        cert=values.get("cert"),
        client_cert=values.get("client-cert"),
        proxy=values.get("proxy"),
        trusted_hosts=frozenset(values.get("trusted-host", "").split()),
        timeout_s=float(values.get("timeout") or values.get("default-timeout") or 60.0),
    )
    return Indexes(tuple(urls), tuple(values.get("find-links", "").split()), access, remark)


def find(requirement: str, indexes: Indexes, wanted: Callable[[str], bool]) -> Link:
    """The file of `name==version` whose file name is `wanted`.

    Raises:
        ModelError: no index has it; the message says what each index answered.
    """
    name, _, version = requirement.partition("==")
    problems: list[str] = []
    for link in _links(name, indexes, problems):
        if _is_of(link.filename, name, version) and wanted(link.filename):
            return link
    looked = ", ".join(redacted(url) for url in (*indexes.urls, *indexes.links)) or "no index at all"
    reasons = "; ".join([*problems, *filter(None, [indexes.remark])])
    raise ModelError(f"{requirement} was not found (looked in {looked})" + (f": {reasons}" if reasons else ""))


def is_wheel(filename: str) -> bool:
    """Whether the file is a wheel, for whatever interpreter."""
    return filename.endswith(".whl")


def is_sdist(filename: str) -> bool:
    """Whether the file is a source distribution."""
    return filename.endswith((".tar.gz", ".zip"))


def _links(name: str, indexes: Indexes, problems: list[str]) -> Iterator[Link]:
    places = [*indexes.links, *(f"{url.rstrip('/')}/{canonicalize_name(name)}/" for url in indexes.urls)]
    for place in places:
        try:
            yield from _listing(place, indexes.access)
        except ModelError as error:
            problems.append(str(error))


def _listing(place: str, access: Access) -> Iterable[Link]:
    """The links of a folder, an HTML page or a JSON page; none where it does not exist."""
    if not place.startswith(("http:", "https:")):
        return _local(local_path(place) if place.startswith("file:") else Path(place).expanduser())
    found = page(place, access, ACCEPT)
    if found is None:
        return []
    url, kind, text = found
    links = _from_json(url, text) if "json" in kind else _from_html(url, text)
    return [_with_login(link, place) for link in links]


def _local(path: Path) -> Iterable[Link]:
    document = path if path.is_file() else path / "index.html"
    if document.is_file():
        return _from_html(document.as_uri(), document.read_text(encoding="utf-8"))
    if not path.is_dir():
        return []
    return [Link(file.name, file.absolute().as_uri()) for file in sorted(path.iterdir()) if file.is_file()]


def _from_json(url: str, text: str) -> list[Link]:
    try:
        files = json.loads(text)["files"]
        return [Link(f["filename"], urljoin(url, f["url"]), f.get("hashes", {}).get("sha256")) for f in files]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{redacted(url)} is not a package index: {error}") from error


class _Anchors(HTMLParser):
    """Collects the targets of links."""

    def __init__(self) -> None:
        super().__init__()
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        target = dict(attrs).get("href") if tag == "a" else None
        if target:
            self.targets.append(target)


def _from_html(url: str, text: str) -> list[Link]:
    anchors = _Anchors()
    anchors.feed(text)
    return [_html_link(urljoin(url, target)) for target in anchors.targets]


def _html_link(target: str) -> Link:
    url, fragment = urldefrag(target)
    algorithm, _, digest = fragment.partition("=")
    filename = unquote(urlsplit(url).path.rpartition("/")[2])
    return Link(filename, url, digest if algorithm == "sha256" else None)


def _with_login(link: Link, index: str) -> Link:
    """The link with the index's own login, where both are on one host."""
    login, _, host = urlsplit(index).netloc.rpartition("@")
    parts = urlsplit(link.url)
    if not login or parts.netloc != host:
        return link
    return Link(link.filename, urlunsplit(parts._replace(netloc=f"{login}@{host}")), link.sha256)


def _is_of(filename: str, name: str, version: str) -> bool:
    try:
        parsed = parse_wheel_filename(filename)[:2] if is_wheel(filename) else parse_sdist_filename(filename)
        return parsed == (canonicalize_name(name), Version(version))
    except (InvalidWheelFilename, InvalidSdistFilename, InvalidVersion):
        return False


def _pip() -> list[str] | None:
    """The command that runs this interpreter's pip, else any pip on the path; None where there is none."""
    import importlib.util

    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    found = shutil.which("pip")
    return [found] if found else None


def _pip_values(command: list[str], env: Mapping[str, str]) -> dict[str, str]:
    try:
        listed = subprocess.run(  # noqa: S603 - our own interpreter or the user's pip, with fixed arguments
            [*command, "config", "list"], env=env, capture_output=True, text=True, timeout=CONFIG_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ModelError(f"pip could not tell its configuration: {error}") from error
    return merged(listed.stdout)


def merged(listing: str) -> dict[str, str]:
    """Values by option of what `pip config list` prints; variables win over the download section, that over global."""
    sections: dict[str, dict[str, str]] = {"global": {}, "download": {}, ":env:": {}}
    for line in listing.splitlines():
        key, _, value = line.partition("=")
        section, _, option = key.rpartition(".")
        if section in sections:
            sections[section][option] = str(ast.literal_eval(value))
    return {**sections["global"], **sections["download"], **sections[":env:"]}


def _environment_values(env: Mapping[str, str]) -> dict[str, str]:
    uv = {"UV_DEFAULT_INDEX": "index-url", "UV_INDEX_URL": "index-url", "UV_FIND_LINKS": "find-links"}
    uv |= {"UV_EXTRA_INDEX_URL": "extra-index-url", "SSL_CERT_FILE": "cert"}
    values = {option: env[name] for name, option in uv.items() if env.get(name)}
    pip = {name[4:].lower().replace("_", "-"): value for name, value in env.items() if name.startswith("PIP_")}
    return values | pip


def _truth(value: str | None) -> bool:
    return (value or "").lower() in {"1", "true", "yes", "on", "y", "t"}
