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

PAGE = ROOT / "docs" / "coverage.md"
DIFFERENCES = """\
- `StartFaceDetection`: `FaceAttributes` `ALL` is accepted and answered with the default attributes: box, confidence, five landmarks,
  pose, quality.
- `StartSegmentDetection`: of the technical cues only `BlackFrames` are detected; `ColorBars`, `EndCredits`, `OpeningCredits`, `Slate`,
  `StudioLogo` and `Content` are not yet.
- `BlackFrames` are judged by their pictures alone; Amazon's must also be silent. `AudioMetadata` describes the streams all the same.
- `StartLabelDetection`: inclusion and exclusion filters compare names and categories letter by letter, upper and lower case included."""
"""What a caller of a served operation would otherwise find out by surprise."""


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
    yield "## Where answers differ from Amazon's"
    yield ""
    yield f"Of the analyses of stored videos {', '.join(_of_videos(operations, served))} are not built yet. Those that are:"
    yield ""
    yield DIFFERENCES
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


def _of_videos(operations: Mapping[str, OperationModel], served: Collection[str]) -> Iterator[str]:
    """Operations that would start an analysis of a stored video, and are not served."""
    for name, operation in sorted(operations.items()):
        if name not in served and "Video" in (operation.input_shape.required_members if operation.input_shape else []):
            yield f"`{name}`"


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
