"""Tags of what can be tagged; every function works inside the caller's transaction.

What can be tagged is a table with the columns `account`, `arn` and `tags`: an entry of `KINDS` is all that a further one needs.
"""

import re
from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, Table, select, update

from pipeline.errors import RequestError
from pipeline.store.face_schema import collections

MOST_TAGS = 200
"""Of one resource. Source: the model of the API, TagMap."""
RESERVED = "aws:"
"""Keys that begin so, in any case, are Amazon's own. Source: AWS tag editor guide, "Tag naming limits and requirements"."""
TAGGABLE: Mapping[str, str] = {
    "collection": r"collection/[a-zA-Z0-9_.\-]+",
    "stream processor": r"streamprocessor/[a-zA-Z0-9_.\-]+",
    "model": r"project/[a-zA-Z0-9_.\-]+/version/[a-zA-Z0-9_.\-]+/[0-9]+",
}
"""What Amazon lets tag -> how its ARN ends. Source: Amazon Rekognition API reference, TagResource."""
KINDS: Mapping[str, Table] = {"collection": collections}
"""What exists here of it -> its table."""

_ARN = re.compile(r"arn:[a-z\d-]+:rekognition:[a-z\d-]+:\d{12}:(.+)", re.ASCII | re.DOTALL)


def tags_of(connection: Connection, account: str, arn: str, lock: bool = False) -> dict[str, str]:
    """Key -> value of the account's resource; with `lock` nobody else changes it before the transaction ends.

    Raises:
        RequestError: InvalidParameterException: nothing that can be tagged has such an ARN; ResourceNotFoundException.
    """
    table = KINDS.get(_kind(arn))
    if table is not None:
        query = select(table.c.tags).where(table.c.account == account, table.c.arn == arn)
        row = connection.execute(query.with_for_update() if lock else query).first()
        if row is not None:
            return dict(row.tags)
    raise RequestError("ResourceNotFoundException", f"The resource arn: {arn} does not exist")


def tag(connection: Connection, account: str, arn: str, tags: Mapping[str, str]) -> None:
    """Adds the tags to the account's resource; a key that it has already gets the new value.

    Raises:
        RequestError: as `tags_of` and `check_keys`; ServiceQuotaExceededException.
    """
    check_keys(tags)
    merged = tags_of(connection, account, arn, lock=True) | dict(tags)
    if len(merged) > MOST_TAGS:
        raise RequestError(
            "ServiceQuotaExceededException",
            f"The resource arn: {arn} would have {len(merged)} tags; the maximum is {MOST_TAGS}.",
        )
    _write(connection, account, arn, merged)


def untag(connection: Connection, account: str, arn: str, keys: Iterable[str]) -> None:
    """Takes the tags with these keys, which are case-sensitive, from the account's resource; others are ignored.

    Raises:
        RequestError: as `tags_of`.
    """
    gone = set(keys)
    left = {key: value for key, value in tags_of(connection, account, arn, lock=True).items() if key not in gone}
    _write(connection, account, arn, left)


def check_keys(tags: Iterable[str]) -> None:
    """Nothing, if none of the keys is reserved; the model of the API itself sees only small letters.

    Raises:
        RequestError: InvalidParameterException.
    """
    for key in tags:
        if key.casefold().startswith(RESERVED):
            raise RequestError(
                "InvalidParameterException",
                f"Request has invalid parameters: Tags: the key {key!r} begins with {RESERVED}, which is reserved.",
            )


def _kind(arn: str) -> str:
    """Which kind of `TAGGABLE` has such an ARN."""
    whole = _ARN.fullmatch(arn)
    for kind, pattern in TAGGABLE.items():
        if whole and re.fullmatch(pattern, whole[1]):
            return kind
    raise RequestError(
        "InvalidParameterException",
        f"Request has invalid parameters: ResourceArn {arn[:128]!r} is not the ARN of a {', '.join(TAGGABLE)}: "
        "arn:aws:rekognition:REGION:ACCOUNT:collection/NAME, streamprocessor/NAME or project/NAME/version/NAME/NUMBER.",
    )


def _write(connection: Connection, account: str, arn: str, tags: Mapping[str, str]) -> None:
    table = KINDS[_kind(arn)]
    mine = (table.c.account == account, table.c.arn == arn)
    connection.execute(update(table).where(*mine).values(tags=dict(tags)))
