#!/usr/bin/env python3
"""Which operations of the public Rekognition model are served; `--write` puts the table into docs/coverage.md.

`--check` fails when the page is out of date, which is also how a new operation of a newer botocore shows.
"""

import argparse
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from botocore.model import OperationModel

from api.dispatch import built
from api.protocol import model
from pipeline.labels.moderation import coverage as moderation_coverage
from pipeline.labels.moderation import taxonomy
from scripts.members import REAL, members, statements

PAGE = ROOT / "docs" / "coverage.md"


def page() -> str:
    """The whole of docs/coverage.md."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    served = built()
    operations = model.operations()
    yield "# Coverage of the Amazon Rekognition API"
    yield ""
    yield f"{len(served)} of the {len(operations)} operations of the service model {model.service().api_version} are served."
    yield "The others answer HTTP 501 `NotImplementedException`. Made by `scripts/surface.py --write`."
    yield ""
    yield "| operation | served | required members | errors of its own |"
    yield "|---|---|---|---|"
    for name, operation in sorted(operations.items()):
        required = operation.input_shape.required_members if operation.input_shape else []
        common = frozenset.intersection(*(model.declared_errors(o) for o in operations.values()))
        errors = sorted(model.declared_errors(operation) - common)
        yield f"| `{name}` | {'yes' if name in served else '–'} | {', '.join(required) or '–'} | {', '.join(errors) or '–'} |"
    yield ""
    yield "## What is answered, member by member"
    yield ""
    yield "Of the served operations; a member stands for all that is in it unless that is listed itself."
    yield ""
    yield from _members(operations, served)
    yield "## Categories of content moderation"
    yield ""
    yield "Also printed by `reelsight models moderation`. Measured figures are in docs/performance.md."
    yield ""
    yield "| category | level | seen by |"
    yield "|---|---|---|"
    for name, seen_by in moderation_coverage().items():
        yield f"| {name} | {taxonomy()[name].level} | {seen_by or '**not covered**: no model here sees it'} |"
    yield ""
    yield "## How requests are checked"
    yield ""
    yield "Constraints of the model (required, type, length, range, pattern, enum) are checked for every served operation. A wrong JSON"
    yield "type answers `SerializationException`, any other violation `ValidationException` in AWS's words, and `InvalidParameterException`"
    yield "says that a well-formed value makes no sense. `MaxResults` above 1000 in Get operations of stored video is taken as 1000."
    yield ""
    yield "Signatures: Signature Version 4 in the Authorization header or in the query (up to 7 days), for any region, with a clock that"
    yield "differs by no more than `REELSIGHT_CLOCK_SKEW`. Session tokens and unsigned payloads are refused. A reverse proxy must pass the"
    yield "client's Host header on, or `REELSIGHT_PUBLIC_URL` and `REELSIGHT_PUBLIC_HTTPS_URL` must name what clients call."


def _members(operations: Mapping[str, OperationModel], served: Collection[str]) -> Iterator[str]:
    """A table of output members per served operation."""
    stated = statements()
    if unknown := sorted(set(stated) - set(served)):
        raise ValueError(f"members.toml speaks of {', '.join(unknown)}, which are not served")
    for name in sorted(served):
        rows = [row for member in members(operations[name], stated.get(name, {})) for row in member.rows()]
        real = [f"`{row.path}`" for row in rows if row.statement == REAL]
        other = [row for row in rows if row.statement != REAL]
        yield f"### `{name}`"
        yield ""
        yield f"Real: {', '.join(real) or 'the empty answer'}."
        yield ""
        if other:
            yield "| member | answered |"
            yield "|---|---|"
            yield from (f"| `{row.path}` | {row.statement} |" for row in other)
            yield ""


def main() -> int:
    """Prints, writes or checks the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--write", action="store_true", help="write docs/coverage.md")
    group.add_argument("--check", action="store_true", help="fail if docs/coverage.md is out of date")
    chosen = parser.parse_args()
    if chosen.write:
        PAGE.write_text(page(), encoding="utf-8")
    elif chosen.check:
        if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page():
            print("docs/coverage.md is out of date: run scripts/surface.py --write", file=sys.stderr)
            return 1
    else:
        print(page(), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
