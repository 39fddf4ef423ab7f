"""Sends mutated requests, judges the answers, and keeps count."""

import base64
import json
import threading
import time
from collections import Counter, defaultdict
from dataclasses import asdict
from pathlib import Path
from random import Random

from scripts.hostile.calls import Wire, signed
from scripts.hostile.installation import Installation
from scripts.hostile.sending import HANG_S, Answer, Line, error_of, fault_of, framing


class Record:
    """What was answered; several threads may add to it."""

    def __init__(self, keep: Path) -> None:
        self._keep = keep
        self._lock = threading.Lock()
        self._begun = time.monotonic()
        self.codes: dict[str, Counter[str]] = defaultdict(Counter)
        self.operations: set[str] = set()
        self.slowest = 0.0
        self.offenders: list[str] = []

    def add(self, call: Wire, answer: Answer, fault: str, number: str) -> None:
        """Notes an answer, and keeps the request where there is a fault."""
        code = "200" if 200 <= answer.status < 300 else error_of(answer)[0] or str(answer.status)
        with self._lock:
            self.codes[class_of(call)][code] += 1
            self.operations.add(f"{call.service}:{call.name}")
            self.slowest = max(self.slowest, answer.seconds)
            if self.count % 2000 == 0:
                print(f"{self.count} requests, {self.seconds:.0f} s, {len(self.offenders)} offenders", flush=True)
        if fault:
            self.accuse(f"{number} {call.service} {call.name} ({call.kind} {call.sign}): {fault}", call)

    def accuse(self, what: str, call: Wire | None = None) -> None:
        """Notes an offender."""
        with self._lock:
            self.offenders.append(what)
            print(f"OFFENDER {what[:600]}", flush=True)
            if call is not None:
                values = asdict(call) | {"body": base64.b64encode(call.body).decode()}
                with self._keep.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(values | {"why": what}) + "\n")

    @property
    def count(self) -> int:
        """Answers so far."""
        return sum(codes.total() for codes in self.codes.values())

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self._begun

    def table(self) -> None:
        """Prints classes of requests by codes."""
        for name in sorted(self.codes):
            codes = self.codes[name]
            print(
                f"{name:24}{codes.total():7}  " + ", ".join(f"{code} {count}" for code, count in codes.most_common(9))
            )
        print(", ".join(f"{name} {value}" for name, value in self.figures().items()))

    def figures(self) -> dict[str, float]:
        """What counts."""
        every = sum(self.codes.values(), Counter())
        return {
            "requests": self.count,
            "operations": len(self.operations),
            "offenders": len(self.offenders),
            "500s": sum(
                count
                for code, count in every.items()
                if code in {"500", "502", "503", "InternalServerError", "InternalFailure"}
            ),
            "throttled": every["ThrottlingException"],
            "slowest s": round(self.slowest, 1),
            "requests/s": round(self.count / self.seconds, 1),
        }


def class_of(call: Wire) -> str:
    """Row of the table."""
    if call.kind in {"framing", "signature", "head", "body"}:
        return f"{call.service} {call.kind}"
    if call.service == "sns":
        return "sns members"
    starts = ("Start", "Get", "List", "Describe", "Create", "Delete", "Detect", "Search")
    return f"rekognition {next((start for start in starts if call.name.startswith(start)), 'other')}*"


def one(installation: Installation, line: Line, call: Wire, rng: Random, record: Record, name: str) -> None:
    """Sends a request and judges its answer."""
    try:
        if call.kind == "framing":
            answer = line.raw(framing(rng, line.host, call), 0.3 if rng.random() < 0.01 else 0)
            fault = f"status {answer.status}" if answer.status >= 500 else ""
        else:
            answer = line.ask(call, signed(call, line.host, installation.key, rng))
            fault = fault_of(call, answer, installation.members(call)) or installation.disclosed(call, answer)
    except TimeoutError:
        answer, fault = Answer(0, {}, b"", HANG_S), "hung"
    except Exception as error:  # of this program: none of the threads must end silently
        answer, fault = Answer(0, {}, b"", 0), f"not sent: {error!r}"
    record.add(call, answer, fault, name)
