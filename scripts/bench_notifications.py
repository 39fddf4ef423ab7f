#!/usr/bin/env python
"""One message to many subscribers, some dead or silent: how fast the living get it, beside a bare loop of httpcore, and in what memory.

Everything runs on loopback and ends by itself. Figures: deliveries per second until the last living subscriber has the message (the
receiver's clock), the same for a loop that only posts, their ratio, peak resident memory and threads of the delivering process.
"""

import argparse
import asyncio
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpcore
from sqlalchemy import insert

from pipeline import logs
from pipeline.notify.delivery import PLACES, deliver_due
from pipeline.notify.states import Lane, SubscriptionState
from pipeline.queue import CeleryQueue, make_app
from pipeline.services import Services
from pipeline.settings import Settings
from pipeline.store.engine import writing
from pipeline.store.metadata import utcnow
from pipeline.store.notify_schema import subscriptions

ACCOUNT = "111122223333"
TOPIC = f"arn:aws:sns:us-east-1:{ACCOUNT}:bench"
MESSAGE = json.dumps({"JobId": "0" * 64, "Status": "SUCCEEDED", "API": "StartLabelDetection", "Timestamp": 0})
WAIT_S = 300


class Receiver:
    """Answers every POST at once and remembers when the first and the last came."""

    def __init__(self) -> None:
        self.count, self.first_s, self.last_s = 0, 0.0, 0.0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, kept."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next(
                    int(one[15:]) for one in head.lower().split(b"\r\n") if one.startswith(b"content-length:")
                )
                await reader.readexactly(length)
                self.last_s = time.monotonic()
                self.first_s = self.first_s or self.last_s
                self.count += 1
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def run(self, sock: socket.socket) -> None:
        """Serves in a thread of its own process until that ends."""

        async def serve() -> None:
            server = await asyncio.start_server(self.talk, sock=sock)
            await server.serve_forever()

        asyncio.run(serve())


def receive() -> None:
    """The receiving process: prints its ports, then its figures each time a line comes in."""
    live, silent = (socket.create_server(("127.0.0.1", 0), backlog=1024) for _ in range(2))
    receiver = Receiver()
    threading.Thread(target=receiver.run, args=(live,), daemon=True).start()
    print(live.getsockname()[1], silent.getsockname()[1], flush=True)
    for _ in sys.stdin:
        span_s = receiver.last_s - receiver.first_s
        print(json.dumps({"count": receiver.count, "span_s": span_s}), flush=True)
        receiver.count, receiver.first_s = 0, 0.0


def deliver(folder: Path, database_url: str | None) -> None:
    """The delivering process: one round of the deliverer, as a woken worker makes it."""
    logs.configure("WARNING", "console")
    settings = Settings(data_dir=folder, database_url=database_url)
    services = Services.from_settings(settings, CeleryQueue(make_app(settings)))
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    most, over = 0, threading.Event()

    def watch() -> None:
        nonlocal most
        while not over.wait(0.05):
            most = max(most, threading.active_count())

    watching = threading.Thread(target=watch)
    watching.start()
    tried = deliver_due(services)
    over.set()
    watching.join()
    used = resource.getrusage(resource.RUSAGE_SELF)
    facts = {"tried": tried, "threads": most, "cpu_s": round(used.ru_utime + used.ru_stime, 2)}
    print(json.dumps({**facts, "start_mib": before_kib // 1024, "peak_mib": used.ru_maxrss // 1024}))


def bare(port: int, count: int) -> None:
    """The loop to compare with: as many threads, posting a body of that size, and nothing else."""
    body = b"x" * 1200
    with httpcore.ConnectionPool(max_connections=64) as pool, ThreadPoolExecutor(PLACES[Lane.PROVEN]) as threads:

        def post(number: int) -> int:
            return pool.request("POST", f"http://127.0.0.1:{port}/{number}", content=body).status

        assert set(threads.map(post, range(count))) == {200}


def fill(services: Services, ports: dict[str, int], counts: dict[str, int]) -> None:
    """Subscribers of every kind, mixed, and one message for them."""
    kinds = sorted((number / count, kind) for kind, count in counts.items() for number in range(count))
    now = utcnow()
    rows = [
        {
            "arn": f"{TOPIC}:{number:08}", "topic_arn": TOPIC, "account": ACCOUNT, "protocol": "http", "attributes": {},
            "endpoint": f"http://127.0.0.1:{ports[kind]}/{number}", "endpoint_hash": f"{number:064}", "token": str(number),
            "state": SubscriptionState.CONFIRMED.value, "token_expires_at": now, "created_at": now,
        }
        for number, (_, kind) in enumerate(kinds)
    ]  # fmt: skip
    with writing(services.engine) as connection:
        services.topics.create(connection, TOPIC, {}, {}, now)
        connection.execute(insert(subscriptions), rows)
    began_s = time.monotonic()
    with writing(services.engine) as connection:
        services.outbox.add(connection, ACCOUNT, TOPIC, MESSAGE, now)
    print(f"published to {len(rows)} subscribers in {time.monotonic() - began_s:.2f} s")


def asked(process: "subprocess.Popen[str]") -> dict[str, Any]:
    """The receiver's figures since it was last asked."""
    assert process.stdin
    assert process.stdout
    process.stdin.write("?\n")
    process.stdin.flush()
    figures: dict[str, Any] = json.loads(process.stdout.readline())
    return figures


def main() -> None:
    """Runs and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subscribers", type=int, default=10_000)
    parser.add_argument("--dead", type=float, default=0.05, help="share whose port is closed")
    parser.add_argument("--silent", type=float, default=0.01, help="share that accepts and never answers")
    parser.add_argument("--database-url", help="an empty PostgreSQL database; SQLite unless given")
    given = parser.parse_args()
    closed = socket.create_server(("127.0.0.1", 0))
    counts = {kind: round(given.subscribers * getattr(given, kind)) for kind in ("dead", "silent")}
    counts["live"] = given.subscribers - sum(counts.values())
    command = [sys.executable, __file__]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen([*command, "receive"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as receiver,
    ):
        try:
            assert receiver.stdout
            live, silent = map(int, receiver.stdout.readline().split())
            settings = Settings(data_dir=Path(folder), database_url=given.database_url)
            services = Services.from_settings(settings, CeleryQueue(make_app(settings)))
            services.prepare()
            dead = closed.getsockname()[1]
            closed.close()
            fill(services, {"live": live, "silent": silent, "dead": dead}, counts)
            services.close()
            before_s = children_s()
            subprocess.run([*command, "bare", str(live), str(counts["live"])], check=True, timeout=WAIT_S)
            plain = {**asked(receiver), "cpu_s": children_s() - before_s}
            delivering = [*command, "deliver", folder, *([given.database_url] if given.database_url else [])]
            done = subprocess.run(delivering, check=True, timeout=WAIT_S, stdout=subprocess.PIPE, text=True)
            ours = asked(receiver)
        finally:
            receiver.kill()
    report(counts, plain, ours, json.loads(done.stdout))


def children_s() -> float:
    """Seconds of processor time of the children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def report(counts: dict[str, int], plain: dict[str, Any], ours: dict[str, Any], process: dict[str, Any]) -> None:
    """Prints the figures."""
    rates = [one["count"] / one["span_s"] for one in (ours, plain)]
    print(f"subscribers: {counts}; tried in one round: {process['tried']}")
    print(f"living subscribers served: {ours['count']} in {ours['span_s']:.1f} s, {rates[0]:.0f} deliveries/s")
    print(
        f"bare httpcore loop: {plain['count']} in {plain['span_s']:.1f} s, {rates[1]:.0f} posts/s; ratio {rates[0] / rates[1]:.2f}"
    )
    print(
        f"processor time, start included: {process['cpu_s']:.1f} s for {process['tried']}, bare {plain['cpu_s']:.1f} s for {plain['count']}"
    )
    memory = f"{process['peak_mib']} MiB at most ({process['start_mib']} before)"
    print(f"delivering process: {memory}, {process['threads']} threads")


if __name__ == "__main__":
    os.environ.setdefault("REELSIGHT_LOG_LEVEL", "WARNING")
    roles = {"receive": receive, "bare": lambda: bare(int(sys.argv[2]), int(sys.argv[3]))}
    if sys.argv[1:2] == ["deliver"]:
        deliver(Path(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None)
    else:
        roles.get("".join(sys.argv[1:2]), main)()
