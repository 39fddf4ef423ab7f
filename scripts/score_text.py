"""Words and lines against ground truth; words match exactly, but for case and punctuation."""

import difflib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.metrics import Load, Pages, items, rates, truth

HARD = re.compile(r"blurred|partly|barely|script|small sign|small badge", re.IGNORECASE)
SIMILAR = 0.9
AROUND_S = 0.5


def score_text(folder: Path, load: Load) -> dict[str, Any]:
    """Words and lines of photos in Latin script, and which of the words of clips are read while they are shown."""
    known = truth(folder, "text")
    if not known:
        return {}
    photos = {file: pages for file in known["images"] if (pages := load("text", file)) is not None}
    clips = {file: pages for file in known["videos"] if (pages := load("text", file)) is not None}
    figures: dict[str, Any] = {}
    if photos:
        figures |= _photos(known["images"], photos)
    if clips:
        figures |= _clips(known["videos"], clips)
    return figures


def _photos(known: Mapping[str, Sequence[str]], answers: Mapping[str, Pages]) -> dict[str, Any]:
    found = {file: [d for d in _detections(pages) if _is_latin(d["DetectedText"])] for file, pages in answers.items()}
    lines = {file: [re.sub(r"\s*\(partly hidden\)", "", t) for t in known[file] if _is_latin(t)] for file in answers}
    wanted = {file: _words(lines[file]) for file in answers}
    seen = {file: _words(_texts(found[file], "WORD")) for file in answers}
    read = {file: [t for t in lines[file] if _is_read(t, _texts(found[file], "LINE"))] for file in answers}
    hits = sum((wanted[file] & seen[file]).total() for file in answers)
    return {
        "words": rates(hits, sum(c.total() for c in seen.values()), sum(c.total() for c in wanted.values())),
        "lines": f"{sum(map(len, read.values()))}/{sum(map(len, lines.values()))}",
        "words_missed": {file: m for file in answers if (m := sorted((wanted[file] - seen[file]).elements()))},
    }


def _clips(known: Mapping[str, Any], answers: Mapping[str, Pages]) -> dict[str, Any]:
    tally = {"video_words": [0, 0], "video_words_hard": [0, 0]}
    missed: dict[str, list[str]] = {}
    for file, pages in answers.items():
        for entry in (e for e in known[file] if "text" in e):
            shown = [*entry["text"].split(" / "), *([entry["line2"]] if "line2" in entry else [])]
            wanted = list(_words(shown).elements())
            seen = _words(_texts(_shown_with(entry, pages), "WORD"))
            count = tally["video_words_hard" if HARD.search(entry.get("note", "")) else "video_words"]
            count[0] += sum(word in seen for word in wanted)
            count[1] += len(wanted)
            missed.setdefault(file, []).extend(word for word in wanted if word not in seen)
    return {
        **{name: f"{hits}/{expected}" for name, (hits, expected) in tally.items()},
        "video_words_missed": {file: words for file, words in missed.items() if words},
    }


def _shown_with(entry: Mapping[str, Any], pages: Pages) -> list[dict[str, Any]]:
    """Text detected while the entry is shown, half a second before and after included."""
    if "at_s" in entry:
        begin = end = float(entry["at_s"])
    elif frames := entry.get("frames", [entry["at_frame"]] * 2 if "at_frame" in entry else None):
        rate = _frame_rate(pages)
        begin, end = (frame / rate for frame in frames)
    else:
        begin, end = 0.0, float("inf")
    times = (begin - AROUND_S) * 1000, (end + AROUND_S) * 1000
    return [d["TextDetection"] for d in items(pages, "TextDetections") if times[0] <= d["Timestamp"] <= times[1]]


def _frame_rate(pages: Pages) -> float:
    return next(float(page["VideoMetadata"]["FrameRate"]) for page in pages if "VideoMetadata" in page)


def _detections(pages: Pages) -> list[dict[str, Any]]:
    return [item.get("TextDetection", item) for item in items(pages, "TextDetections")]


def _texts(detections: Iterable[Mapping[str, Any]], kind: str) -> list[str]:
    return [d["DetectedText"] for d in detections if d["Type"] == kind]


def _normal(text: str) -> str:
    """Small letters and digits only."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())


def _words(lines: Iterable[str]) -> Counter[str]:
    return Counter(w for line in lines for word in line.split() if (w := _normal(word)))


def _is_latin(text: str) -> bool:
    return not any(unicodedata.east_asian_width(c) in "WF" for c in text)


def _is_read(line: str, found: Sequence[str]) -> bool:
    """Whether a line is read, nearly right in one or exactly across several that follow one another."""
    wanted, read = _normal(line), [_normal(text) for text in found]
    return wanted in "".join(read) or any(
        difflib.SequenceMatcher(None, wanted, text, autojunk=False).ratio() >= SIMILAR for text in read
    )
