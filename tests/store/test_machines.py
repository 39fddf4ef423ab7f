"""Invitations are good for one machine, for a while, on both databases; versions that do not fit use none up."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from importlib.metadata import version

import pytest
from sqlalchemy import Engine, select

from pipeline.errors import SetupError
from pipeline.machines.joining import Asking, JoinRefused, admit
from pipeline.services import Services
from pipeline.store import machines, revisions
from pipeline.store.engine import reading, writing
from pipeline.store.machine_schema import invitations
from tests.support.databases import database_url, engine, postgres_server
from tests.support.jobs_installation import queue, services

__all__ = ["database_url", "engine", "postgres_server", "queue", "services"]

TTL = timedelta(minutes=5)


def redeem(engine: Engine, code: str) -> machines.Invitation | None:
    with writing(engine) as connection:
        return machines.redeem(connection, code)


def asking(code: str) -> Asking:
    return Asking(code, "far.example", version("reelsight"), revisions.head().name, "cpu", 8)


def test_a_code_is_good_once(engine: Engine) -> None:
    code = machines.invite(engine, ["video", "images"], "10.0.0.1", TTL)
    invitation = redeem(engine, code)
    assert invitation
    assert (invitation.queues, invitation.reach) == (("video", "images"), "10.0.0.1")
    assert redeem(engine, code) is None


def test_of_many_who_ask_at_once_one_is_let_in(engine: Engine) -> None:
    code = machines.invite(engine, ["video"], None, TTL)
    with ThreadPoolExecutor(8) as pool:
        let_in = list(pool.map(lambda _: redeem(engine, code), range(8)))
    assert sum(one is not None for one in let_in) == 1


@pytest.mark.parametrize("code", ["", "0" * 40, "' OR 1=1 --"])
def test_codes_that_were_never_made_are_good_for_nothing(engine: Engine, code: str) -> None:
    machines.invite(engine, ["video"], None, TTL)
    assert redeem(engine, code) is None


def test_codes_expire_and_are_swept(engine: Engine) -> None:
    late = machines.invite(engine, ["video"], None, timedelta(0))
    old = machines.invite(engine, ["video"], None, -timedelta(days=2))
    assert redeem(engine, late) is None
    assert redeem(engine, old) is None
    machines.invite(engine, ["video"], None, TTL)
    with reading(engine) as connection:
        assert len(connection.execute(select(invitations)).all()) == 2  # the oldest is gone


def test_the_code_itself_is_kept_nowhere(engine: Engine) -> None:
    code = machines.invite(engine, ["video"], None, TTL)
    with reading(engine) as connection:
        assert code not in str(connection.execute(select(invitations)).all())


def test_a_machine_is_listed_until_it_is_forgotten(services: Services) -> None:
    code = machines.invite(services.engine, ["video"], None, TTL)
    told = admit(services, asking(code))
    (machine,) = machines.joined(services.engine)
    assert (machine.id, machine.name, machine.queues, machine.cores) == (told["machine"], "far.example", ("video",), 8)
    assert machines.forget(services.engine, machine.id) == machine
    assert machines.joined(services.engine) == []
    with pytest.raises(SetupError, match=machine.id):
        machines.forget(services.engine, machine.id)


@pytest.mark.parametrize(
    ("schema", "reason"), [("9999", "is newer than the database"), ("9998_needs_9998", "is newer than the database")]
)
def test_a_version_that_does_not_fit_uses_no_invitation_up(services: Services, schema: str, reason: str) -> None:
    code = machines.invite(services.engine, ["video"], None, TTL)
    with pytest.raises(JoinRefused, match=reason) as refused:
        admit(services, replace(asking(code), schema=schema))
    assert refused.value.status == 409
    assert machines.joined(services.engine) == []
    assert admit(services, asking(code))["queues"] == ["video"]


def test_versions_older_than_the_schema_allows_are_refused(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    code = machines.invite(services.engine, ["video"], None, TTL)
    # A schema of the future that says whom it needs; the database itself is of today.
    monkeypatch.setattr("pipeline.machines.joining.present", lambda _: revisions.parsed("0012_needs_0011"))
    with pytest.raises(JoinRefused, match="is too old for this installation"):
        admit(services, asking(code))
