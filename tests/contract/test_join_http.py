"""The door through which machines join, over real http and https: who may not, and who may but once."""

import asyncio
import ssl
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from api.machines import AUTHORITY, JOIN, MAX_BYTES, Refusals, routes
from pipeline.errors import SetupError
from pipeline.machines import asking
from pipeline.notify.certificates import server_certificate
from pipeline.settings import Settings, settings_of
from pipeline.store import machines, revisions
from tests.support.api_installation import installation
from tests.support.sns_installation import Installation

__all__ = ["installation"]


@dataclass(frozen=True)
class Door:
    """The pages alone, as behind https, with nobody refused so far."""

    app: Starlette

    def post(self, path: str, **content: Any) -> httpx.Response:
        return asyncio.run(self._send("POST", path, **content))

    def get(self, path: str) -> httpx.Response:
        return asyncio.run(self._send("GET", path))

    async def _send(self, method: str, path: str, **content: Any) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="https://here") as client:
            return await client.request(method, path, **content)


@pytest.fixture
def door(installation: Installation) -> Door:
    return Door(Starlette(routes=list(routes(installation.services))))


def code(installation: Installation) -> str:
    return machines.invite(installation.services.engine, ["video"], None, timedelta(minutes=5))


def request(good: str, **changed: Any) -> dict[str, Any]:
    facts = {"name": "far", "version": version("reelsight"), "schema": revisions.head().name}
    return {"code": good, **facts, "device": "cpu", "cores": 2, **changed}


def port(installation: Installation) -> str:
    return installation.services.settings.https_url


def pin(installation: Installation) -> str:
    return asking.fingerprint(installation.ca_file.read_bytes())


def test_a_machine_joins_with_a_code_and_is_told_the_settings(installation: Installation, tmp_path: Path) -> None:
    good = code(installation)
    answer = asking.ask(port(installation), request(good), pin(installation))
    assert asking.keep(tmp_path, port(installation), answer) == []
    assert (tmp_path / asking.MACHINE_FILE).stat().st_mode & 0o777 == 0o600
    assert asking.queues_of(tmp_path) == ("video",)
    settings, ours = settings_of(tmp_path), installation.services.settings
    assert settings.https_url == ours.https_url
    assert settings.secret_key == ours.secret_key or settings.secret_key
    with pytest.raises(SetupError, match="the code is unknown, used or expired") as refused:
        asking.ask(port(installation), request(good), pin(installation))
    assert good not in str(refused.value)


def test_another_authority_is_told_nothing(installation: Installation) -> None:
    good = code(installation)
    with pytest.raises(SetupError, match="somebody may be in between"):
        asking.ask(port(installation), request(good), "0" * 64)
    with pytest.raises(SetupError, match="64 hexadecimal digits"):
        asking.ask(port(installation), request(good), "short")
    with pytest.raises(SetupError, match="ca-sha256"):
        asking.ask(port(installation), request(good), None)  # the system does not know our authority
    assert asking.ask(port(installation), request(good), pin(installation)).queues == ["video"]


def test_an_authority_that_somebody_put_behind_the_right_one_is_not_trusted(
    installation: Installation, tmp_path: Path
) -> None:
    ours = installation.ca_file.read_bytes()
    theirs = server_certificate(Settings(data_dir=tmp_path)).ca_file
    assert theirs is not None
    told = asking.pinned(ours + theirs.read_bytes(), pin(installation))
    assert told is not None
    assert len(ssl.create_default_context(cadata=told).get_ca_certs()) == 1
    assert asking.fingerprint(told.encode()) == pin(installation)
    assert asking.pinned(theirs.read_bytes() + ours, pin(installation)) is None


@pytest.mark.parametrize("url", ["http://127.0.0.1", "https://", "https://h/path", "127.0.0.1:8443", "https://u@h", ""])
def test_addresses_that_are_none_are_refused(url: str) -> None:
    with pytest.raises(SetupError, match="is not of the form https://HOST:PORT"):
        asking.ask(url, {}, None)


def test_nothing_is_told_over_plain_http(installation: Installation) -> None:
    good = code(installation)
    plain = httpx.post(installation.url + JOIN, json=request(good))
    assert (plain.status_code, plain.json()) == (403, {"message": "secrets are told over https only"})
    behind_proxy = httpx.post(installation.url + JOIN, json=request(good), headers={"X-Forwarded-Proto": "https"})
    assert behind_proxy.status_code == 200
    assert behind_proxy.headers["cache-control"] == "no-store"


def test_the_authority_is_public(installation: Installation) -> None:
    trusted = ssl.create_default_context(cafile=installation.ca_file)
    answer = httpx.get(port(installation) + AUTHORITY, verify=trusted)
    assert answer.content == installation.ca_file.read_bytes()
    assert "PRIVATE KEY" not in answer.text


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"code": "short"}, "code"),
        ({"code": None}, "code"),
        ({"code": ["a" * 40]}, "code"),
        ({"name": "a\nb"}, "name"),
        ({"name": "x" * 300}, "name"),
        ({"name": "<script>"}, "name"),
        ({"version": ""}, "version"),
        ({"schema": "8"}, "schema"),
        ({"device": "tpu"}, "device"),
        ({"cores": 0}, "cores"),
        ({"cores": True}, "cores"),
        ({"cores": 1e300}, "cores"),
        ({"more": 1}, "the request must be an object of"),
    ],
)
def test_members_that_are_wrong_are_named(door: Door, changed: dict[str, Any], named: str) -> None:
    answer = door.post(JOIN, json=request("a" * 40, **changed))
    assert (answer.status_code, answer.json()["message"].startswith(named)) == (400, True)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 4000, b'"' + b"x" * 2 * MAX_BYTES + b'"'])
def test_bodies_that_are_no_requests_are_refused(door: Door, body: bytes) -> None:
    answer = door.post(JOIN, content=body)
    assert answer.status_code == (413 if len(body) > MAX_BYTES else 400)


def test_who_guesses_is_not_listened_to_and_keeps_nobody_out(door: Door, installation: Installation) -> None:
    good, late = code(installation), machines.invite(installation.services.engine, ["video"], None, timedelta(0))
    statuses = [door.post(JOIN, json=request(f"{n:040}")).status_code for n in range(12)]
    assert statuses == [403] * 10 + [429] * 2
    assert door.post(JOIN, json=request(late)).status_code == 429
    assert door.post(JOIN, json=request(good, schema="9999")).status_code == 409  # which uses nothing up
    assert [door.post(JOIN, json=request(good)).status_code for _ in range(2)] == [200, 429]
    assert door.get(AUTHORITY).status_code == 200


def test_refusals_are_forgotten_and_kept_in_bounds() -> None:
    refusals = Refusals(limit=2, limit_of_all=5, window_s=0.0)
    for _ in range(3):
        refusals.add("a")
    assert not refusals.too_many("a")
    refusals = Refusals(limit=2, limit_of_all=5, window_s=1000)
    for number in range(4):
        refusals.add(str(number))
    refusals.add("0")
    assert refusals.too_many("0")
    assert refusals.too_many("somebody else")  # five in all
    assert len(refusals._by_address) <= 5
