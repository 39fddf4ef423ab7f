"""`reelsight labels`: what label detection can answer and what its filters can name."""

import json
from collections.abc import Iterator

import click

from pipeline.labels.sources import SOURCES, sources
from pipeline.labels.vocabulary import CATEGORIES, Label, vocabulary


@click.command(epilog="From: " + "; ".join(f"{source}: {meaning}" for source, meaning in SOURCES.items()) + ".")
@click.argument("text", required=False, default="")
@click.option(
    "--category",
    type=click.Choice(sorted(CATEGORIES), case_sensitive=False),
    metavar="NAME",
    help="Only labels of this category, for example 'Sports'.",
)
@click.option(
    "--source", type=click.Choice(list(SOURCES)), help="Only labels that come from there.", metavar="|".join(SOURCES)
)
@click.option("--json", "as_json", is_flag=True, help="One JSON list with all members of every label.")
def labels(text: str, category: str | None, source: str | None, as_json: bool) -> None:
    """Lists the labels whose name or alias contains TEXT, with ancestors, aliases, categories and where they come from."""
    found = [label for label in _matching(text) if not category or category in label.categories]
    shown = [label for label in found if not source or source in sources()[label.name]]
    if as_json:
        click.echo(json.dumps([_record(label) for label in shown], ensure_ascii=False, indent=2))
        return
    width = max((len(label.name) for label in shown), default=0)
    for label in shown:
        click.echo(_line(label, width))


def _matching(text: str) -> Iterator[Label]:
    wanted = text.casefold()
    for _, label in sorted(vocabulary().labels.items()):
        if any(wanted in name.casefold() for name in (label.name, *label.aliases)):
            yield label


def _record(label: Label) -> dict[str, object]:
    return {
        "Name": label.name,
        "Parents": label.parents,
        "Aliases": label.aliases,
        "Categories": label.categories,
        "Sources": sources()[label.name],
    }


def _line(label: Label, width: int) -> str:
    above = f" < {', '.join(label.parents)}" if label.parents else ""
    also = f" = {', '.join(label.aliases)}" if label.aliases else ""
    return f"{label.name:{width}}{above}{also}  [{', '.join(label.categories)}]  {', '.join(sources()[label.name])}"
