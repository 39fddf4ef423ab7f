"""`reelsight analyze`: the analyses of one video as files, without any server."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from pipeline import analyses, logs
from pipeline.analyze import Report
from pipeline.analyze import analyze as analyze_video
from pipeline.catalog import OPERATIONS, STEP
from pipeline.commandline import data_dir_option
from pipeline.conduct.limits import decode_limits
from pipeline.devices import require_devices
from pipeline.errors import SetupError
from pipeline.models.library import Library
from pipeline.models.threads import cores
from pipeline.settings import Settings, settings_of
from workers.commands.known import Known
from workers.commands.pulling import pulled

NOBODY = "nobody to look for; --people names a folder with a folder of photos per person"
NAMES = {operation.analysis: operation.name for operation in OPERATIONS.values()}


def _chosen(_: click.Context, __: click.Parameter, text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in NAMES]
    if unknown or not names:
        raise click.BadParameter(f"unknown analysis {', '.join(unknown) or repr(text)}; choose from {', '.join(NAMES)}")
    return names


@click.command()
@click.argument("video", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--analyses",
    "wanted",
    default=",".join(NAMES),
    show_default=True,
    callback=_chosen,
    help="Which, separated by commas.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Where to write <analysis>.json.",
)
@click.option(
    "--people",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Whom face_search looks for: a folder with a folder of photos per person.",
)
@data_dir_option
def analyze(data_dir: Path | None, video: Path, wanted: list[str], out: Path, people: Path | None) -> None:
    """Analyses VIDEO and writes one <analysis>.json per analysis, shaped as the Get* answer with all items."""
    settings = settings_of(data_dir)
    logs.configure("WARNING", "console")
    require_devices(settings)
    models = Library.from_settings(settings)
    requests = {NAMES[name]: _request(settings, name, people) for name in wanted}
    pulled(models, {name for operation in requests for name in analyses.load(operation).models()})
    known = Known(settings, models, people)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(f"{out} cannot be made: {error.strerror}.") from error
    with tqdm(unit="frame", disable=None) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        report = analyze_video(
            video,
            requests,
            models,
            progress,
            decode_limits(settings),
            settings.chunk_s,
            galleries=known,
            threads=(settings.threads or cores()) if settings.device == "cpu" else 1,
        )
    for operation, answer in report.answers.items():
        path = out / f"{OPERATIONS[operation].analysis}.json"
        path.write_text(json.dumps(answer, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        said = answer.get("StatusMessage") or (NOBODY if operation == "FaceSearch" and people is None else "")
        click.echo(f"{path}: {summary(operation, answer)}" + (f" ({said})" if said else ""))
    click.echo(facts(report))


def _request(settings: Settings, analysis: str, people: Path | None) -> dict[str, Any]:
    """What an analysis is asked for: all that it can tell."""
    request = dict(OPERATIONS[NAMES[analysis]].minimal)
    if analysis in settings.sampling_ms:
        request[STEP] = settings.sampling_ms[analysis]
    if analysis == "faces":
        request["FaceAttributes"] = "ALL"
    if analysis == "face_search" and people is not None:
        request["CollectionId"] = people.resolve().name
    return request


def facts(report: Report) -> str:
    """The video on one line."""
    media = report.media
    length = f"{media.frame_count} frames, {media.duration_ms / 1000:.1f} s"
    return f"{media.codec} {media.width}x{media.height}, {float(media.frame_rate):.3f} fps, {length}"


def summary(operation: str, answer: Mapping[str, Any]) -> str:
    """How many items there are, and of what."""
    items = answer[OPERATIONS[operation].result_key]
    kinds = Counter(_kind(item) for item in items)
    most = ", ".join(f"{kind} {count}" for kind, count in kinds.most_common(8))
    return f"{len(items)} items" + (f"; {most}" if most else "")


_NAMED = {
    "Label": "Name",
    "ModerationLabel": "Name",
    "Celebrity": "Name",
    "TechnicalCueSegment": "Type",
    "TextDetection": "Type",
}
"""Member of an item -> what in it says most."""


def _kind(item: Mapping[str, Any]) -> str:
    """What an item shows, in one word: the most telling name it has."""
    for member, name in _NAMED.items():
        if member in item:
            return str(item[member][name])
    if matches := item.get("FaceMatches"):
        return str(matches[0]["Face"].get("ExternalImageId") or matches[0]["Face"]["FaceId"])
    if "Person" in item:
        return f"person {item['Person']['Index']}"
    return str(item.get("Type") or next(name for name in item if name not in {"Timestamp", "Type"}))
