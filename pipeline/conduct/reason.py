"""What the owner of a job is told of the fault that ended it: of faults of servers and disks their kind, of others what they say.

What a database, a store or a disk says names hosts, statements and paths of the installation: that is for the operator, in the log.
"""

import errno
import os

from sqlalchemy.exc import SQLAlchemyError

from pipeline.objects.types import ObjectRefusedError, StoreUnavailableError
from pipeline.patience import passing

FULL_DATABASE = "database or disk is full"
"""As SQLite says it."""


def told(error: BaseException) -> str:
    """The class of the fault and what it says; of the installation's own faults a plain sentence without their details."""
    return f"{type(error).__name__}: {_sentence(error) or error}"


def _sentence(error: BaseException) -> str | None:
    if isinstance(error, StoreUnavailableError):
        return "the object store was away, or broke off its answer."
    if isinstance(error, ObjectRefusedError):
        return "the object store refused access."
    if isinstance(error, SQLAlchemyError):
        full = FULL_DATABASE in str(error)
        return f"{FULL_DATABASE}." if full else "the database was away, or could not do what it was asked."
    if isinstance(error, OSError) and error.errno is not None and error.errno in errno.errorcode:
        return f"{os.strerror(error.errno)}."
    return "a server could not be reached." if passing(error) else None
