"""Reading the result of a finished job page by page: near its beginning and near its end, by turns."""

import asyncio
import statistics
import time
from collections.abc import Mapping, Sequence
from typing import Any

from scripts.overhead import processes
from scripts.overhead.clients import Client, Key, Signer, next_token

GET = "GetLabelDetection"
SKIP = 1000
"""Items of the largest page: whoever wants to be far on turns these over."""
ROUNDS = 4


def places(key: Key, job: str, offsets: Sequence[int]) -> dict[int, str | None]:
    """Offset -> the NextToken of the page that begins at that item, from following those before it; None: it is the first."""
    return asyncio.run(_places(key, job, sorted(offsets)))


async def _places(key: Key, job: str, offsets: Sequence[int]) -> dict[int, str | None]:
    client, token, reached = Client(key, Signer(key)), None, 0
    found: dict[int, str | None] = {}
    try:
        for offset in offsets:
            while reached < offset:
                size = min(SKIP, offset - reached)
                token, reached = next_token(await _page(client, body(job, size, token))), reached + size
                if token is None:
                    raise SystemExit(f"the result ends before item {offset}")
            found[offset] = token
    finally:
        client.close()
    return found


def body(job: str, size: int, token: str | None = None) -> str:
    """The request of a page."""
    more = f', "NextToken": "{token}"' if token else ""
    return f'{{"JobId": "{job}", "MaxResults": {size}{more}}}'


async def _page(client: Client, request: str) -> bytes:
    status, answer = await client.call(GET, request)
    if status != 200:
        raise SystemExit(f"{GET} answered {status}: {answer[:500].decode(errors='replace')}")
    return answer


def depths(
    key: Key, supervisor: int, job: str, size: int, count: int, places: Mapping[str, str | None]
) -> dict[str, Any]:
    """Figures of reading `count` pages of so many items from each place on, one client, by turns; `cpu_ms` is the api's per page."""
    api: dict[str, list[dict[str, float]]] = {name: [] for name in places}
    for _ in range(ROUNDS):
        for name, token in places.items():
            before = processes.cpu_s(supervisor)["api"]
            read = asyncio.run(_read(key, job, size, count, token))
            cpu_ms = (processes.cpu_s(supervisor)["api"] - before) * 1e3 / count
            api[name].append({**read, "cpu_ms": cpu_ms})
    return {
        f"{name}, {size} items a page": {
            figure: round(statistics.median(one[figure] for one in rounds), 2) for figure in rounds[0]
        }
        for name, rounds in api.items()
    }


async def _read(key: Key, job: str, size: int, count: int, token: str | None) -> dict[str, float]:
    client, heard = Client(key, Signer(key)), 0
    try:
        began = time.perf_counter()
        for _ in range(count):
            answer = await _page(client, body(job, size, token))
            heard, token = heard + len(answer), next_token(answer)
        took_s = time.perf_counter() - began
    finally:
        client.close()
    return {"pages_per_s": count / took_s, "mb_per_s": heard / took_s / 1e6}
