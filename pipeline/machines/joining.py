"""The door through which a machine joins: who holds a good code is told the settings, if its version fits."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import structlog

from pipeline.errors import ReelsightError
from pipeline.machines.shared import notes, shared_settings
from pipeline.services import Services
from pipeline.store import machines, revisions
from pipeline.store.engine import writing
from pipeline.store.revisions import present

log = structlog.get_logger()

MAX_CORES = 4096
FORMS: Mapping[str, str] = {
    "code": "[A-Za-z0-9_-]{20,64}",
    "name": r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}",
    "version": r"[A-Za-z0-9.+!_-]{1,64}",
    "schema": revisions.NAME.pattern,
    "device": "cpu|cuda|tensorrt",
}
"""What the members of a request look like, beside the number `cores`."""


class JoinRefused(ReelsightError):  # noqa: N818 - what happened, as in pipeline.errors
    """A machine may not join.

    Attributes:
        status: Of HTTP.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Asking:
    """What a machine that asks tells of itself."""

    code: str
    name: str
    version: str
    schema: str
    device: str
    cores: int

    @classmethod
    def parsed(cls, request: object) -> "Asking":
        """The request as JSON has it.

        Raises:
            JoinRefused: a member is missing, unknown or not of its form; it is named, its value is not repeated.
        """
        if not isinstance(request, dict) or set(request) != {*FORMS, "cores"}:
            raise JoinRefused(400, f"the request must be an object of {', '.join([*FORMS, 'cores'])}")
        for name, form in FORMS.items():
            if not isinstance(request[name], str) or not re.fullmatch(form, request[name]):
                raise JoinRefused(400, f"{name} is not of the form {form}")
        cores = request["cores"]
        if type(cores) is not int or not 1 <= cores <= MAX_CORES:
            raise JoinRefused(400, f"cores must be a number from 1 to {MAX_CORES}")
        return cls(**request)


def admit(services: Services, asking: Asking) -> dict[str, Any]:
    """What the machine is told; its code is used up by that, and by nothing else.

    Raises:
        JoinRefused: the code is of no use, or the versions do not fit.
    """
    with writing(services.engine) as connection:
        invitation = machines.redeem(connection, asking.code)
        if invitation is None:
            raise JoinRefused(403, "the code is unknown, used or expired; `reelsight machines invite` makes another")
        schema = present(connection)
        assert schema is not None, "the invitation was read from it"
        _check_version(asking, schema)
        machine = machines.add(connection, asking.name, invitation.queues, asking.version, asking.cores, asking.device)
    log.info("machine_joined", machine=machine.id, name=machine.name, queues=list(machine.queues))
    return {
        "machine": machine.id,
        "version": version("reelsight"),
        "queues": list(invitation.queues),
        "settings": shared_settings(services.settings, invitation.reach),
        "notes": list(notes(services.settings)),
    }


def _check_version(asking: Asking, schema: revisions.Revision) -> None:
    """Older code may work with a newer schema that only added to it; newer code waits until the schema was upgraded."""
    theirs, ours = revisions.parsed(asking.schema), version("reelsight")
    if theirs.number < schema.needs:
        raise JoinRefused(
            409,
            f"version {asking.version} is too old for this installation (its database needs {schema.needs:04}); install {ours}",
        )
    if theirs.number > schema.number:
        raise JoinRefused(
            409,
            f"version {asking.version} is newer than the database of this installation ({theirs.name}, {schema.name}); "
            f"upgrade the installation first, or install {ours}",
        )
