"""What the answers of the quickstart say, for people."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

Pages = list[dict[str, Any]]
RESULT_KEYS = {
    "SegmentDetection": "Segments",
    "FaceDetection": "Faces",
    "LabelDetection": "Labels",
    "PersonTracking": "Persons",
    "TextDetection": "TextDetections",
    "ContentModeration": "ModerationLabels",
    "CelebrityRecognition": "Celebrities",
    "FaceSearch": "Persons",
}
"""Operation -> the member that lists its items."""
MOST = 25


def items(name: str, pages: Pages) -> list[dict[str, Any]]:
    """All items of an operation's pages."""
    return [item for page in pages for item in page[RESULT_KEYS[name]]]


def print_summary(results: Mapping[str, Pages], took: float) -> None:
    """Prints what is in the video."""
    metadata = results["SegmentDetection"][0]["VideoMetadata"][0]
    length = metadata["DurationMillis"] / 1000
    print(
        f"\n{metadata['Codec']} {metadata['FrameWidth']}x{metadata['FrameHeight']}, {metadata['FrameRate']:.2f} fps, "
        f"{length:.1f} s: analysed in {took:.1f} s, {length / took:.1f} times real time"
    )
    for name, part in _PARTS.items():
        if name in results:
            print()
            part(items(name, results[name]))
        if name in results and (said := results[name][0].get("StatusMessage")):
            print(f"  {said}")


def _segments(segments: list[dict[str, Any]]) -> None:
    shots = [s for s in segments if s["Type"] == "SHOT"]
    print(f"Shots ({len(shots)})")
    for shot in shots[:40]:
        extent = f"{shot['StartTimecodeSMPTE']} – {shot['EndTimecodeSMPTE']}"
        print(f"  {shot['ShotSegment']['Index']:3}  {extent}  {shot['ShotSegment']['Confidence']:5.1f} %")
    cues = [s for s in segments if s["Type"] == "TECHNICAL_CUE"]
    print(f"\nTechnical cues ({len(cues)})")
    for cue in cues[:40]:
        found = cue["TechnicalCueSegment"]
        extent = f"{cue['StartTimecodeSMPTE']} – {cue['EndTimecodeSMPTE']}"
        print(f"  {found['Type']:14} {extent}  {found['Confidence']:5.1f} %")


def _faces(faces: list[dict[str, Any]]) -> None:
    counts = Counter(face["Timestamp"] for face in faces)
    most = max(counts.values(), default=0)
    print(f"Faces ({len(faces)} detections in {len(counts)} sampled frames, at most {most} at once)")
    for first, last, at_once in spells(counts):
        there = [f["Face"] for f in faces if first <= f["Timestamp"] <= last]
        print(f"  {first / 1000:6.1f} s – {last / 1000:6.1f} s  up to {at_once}  {', '.join(_traits(there))}")


def _traits(faces: list[dict[str, Any]]) -> Iterator[str]:
    """What most of the faces of a spell have in common."""
    for member, values in (
        ("Gender", [f["Gender"]["Value"].lower() for f in faces if "Gender" in f]),
        ("Emotions", [f["Emotions"][0]["Type"].lower() for f in faces if f.get("Emotions")]),
        ("Smile", ["smiling" for f in faces if f.get("Smile", {}).get("Value")]),
    ):
        if values and (member != "Smile" or 2 * len(values) > len(faces)):
            yield Counter(values).most_common(1)[0][0]


def _labels(labels: list[dict[str, Any]]) -> None:
    _best("Labels", ((item["Label"]["Name"], item["Label"]["Confidence"]) for item in labels))


def _moderation(labels: list[dict[str, Any]]) -> None:
    named = ((item["ModerationLabel"]["Name"], item["ModerationLabel"]["Confidence"]) for item in labels)
    _best("Moderation labels", named)


def _best(title: str, named: Iterable[tuple[str, float]]) -> None:
    best: dict[str, float] = {}
    seen: Counter[str] = Counter()
    for name, confidence in named:
        seen[name] += 1
        best[name] = max(best.get(name, 0.0), confidence)
    print(f"{title} ({len(best)})")
    for name, count in seen.most_common(MOST):
        print(f"  {name:32} in {count:4} sampled frames, best {best[name]:5.1f} %")


def _persons(persons: list[dict[str, Any]]) -> None:
    """Who is in view when."""
    times: dict[int, list[int]] = {}
    for item in persons:
        times.setdefault(item["Person"]["Index"], []).append(item["Timestamp"])
    print(f"Persons ({len(times)} tracked)")
    for index, seen in sorted(times.items(), key=lambda pair: -len(pair[1]))[:MOST]:
        print(
            f"  person {index:3}  {min(seen) / 1000:6.1f} s – {max(seen) / 1000:6.1f} s in {len(seen):4} sampled frames"
        )


def _text(found: list[dict[str, Any]]) -> None:
    times: dict[str, list[int]] = {}
    for item in found:
        if item["TextDetection"]["Type"] == "LINE":
            times.setdefault(item["TextDetection"]["DetectedText"], []).append(item["Timestamp"])
    print(f"Lines of text ({len(times)})")
    for line, seen in sorted(times.items(), key=lambda pair: min(pair[1]))[:MOST]:
        print(f"  {min(seen) / 1000:6.1f} s – {max(seen) / 1000:6.1f} s  {line}")


def _celebrities(found: list[dict[str, Any]]) -> None:
    _best("Celebrities", ((item["Celebrity"]["Name"], item["Celebrity"]["Confidence"]) for item in found))


def _matches(persons: list[dict[str, Any]]) -> None:
    """Where the searched person appears."""
    matched = {p["Timestamp"]: p["FaceMatches"][0]["Similarity"] for p in persons if p.get("FaceMatches")}
    print(f"The clearest face, searched for through the video (in {len(matched)} sampled frames)")
    for first, last, _ in spells(matched):
        best = max(matched[moment] for moment in matched if first <= moment <= last)
        print(f"  {first / 1000:6.1f} s – {last / 1000:6.1f} s  similarity up to {best:5.1f} %")


_PARTS: Mapping[str, Callable[[list[dict[str, Any]]], None]] = {
    "SegmentDetection": _segments,
    "FaceDetection": _faces,
    "PersonTracking": _persons,
    "LabelDetection": _labels,
    "TextDetection": _text,
    "ContentModeration": _moderation,
    "CelebrityRecognition": _celebrities,
    "FaceSearch": _matches,
}


def spells(counts: Mapping[int, float], gap_ms: int = 1500) -> Iterator[tuple[int, int, int]]:
    """(first, last, most) of stretches of time in which something was seen without longer gaps."""
    spell: list[int] = []
    for moment in sorted(counts):
        if spell and moment - spell[-1] > gap_ms:
            yield spell[0], spell[-1], int(max(counts[m] for m in spell))
            spell = []
        spell.append(moment)
    if spell:
        yield spell[0], spell[-1], int(max(counts[m] for m in spell))
