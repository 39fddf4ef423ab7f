"""What /metrics tells of the whole installation, and that the alerts that are published ask for figures there are."""

import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event as events

from api import gauges
from api.metrics import Metrics
from pipeline.counts import FIGURES, Counts
from pipeline.errors import SetupError
from pipeline.liveness import Facts, Register
from pipeline.queue import CeleryQueue, make_app
from pipeline.redis_client import redis_of
from pipeline.services import Services
from pipeline.settings import Settings, settings_of
from tests.support.redis_server import redis_server
from tests.support.sns_installation import installed

RULES = Path(__file__).resolve().parents[2] / "docs" / "prometheus-rules.yml"
FACTS = Facts("video@here", ("video",), (), "prefork", 2, 1, 3.0, "0")
TOKEN = "t" * 32
Samples = dict[tuple[str, tuple[str, ...]], float]


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    folder = tmp_path_factory.mktemp("figures")
    with redis_server(folder) as server:
        settings = Settings(data_dir=folder, broker_url=server.tcp, secret_key="s" * 32)
        made = Services.from_settings(settings, CeleryQueue(make_app(settings)))
        made.prepare()
        yield made
        made.close()


def samples(services: Services) -> Samples:
    """Name and values of labels, in the order of the names of these -> value."""
    families = text_string_to_metric_families(Metrics(services).text().decode())
    return {
        (s.name, tuple(value for _, value in sorted(s.labels.items()))): s.value
        for family in families
        for s in family.samples
    }


def test_workers_and_queues_are_told(services: Services) -> None:
    register = Register(redis_of(services.settings, 1))
    for event in ("beat", "taken"):
        register.tell("here:1", event, FACTS)
    services.queue.wake_plan()
    told = samples(services)
    assert told["reelsight_workers", ("video",)] == 1
    assert told["reelsight_workers", ("notify",)] == 0
    assert (
        told["reelsight_worker_slots", ("video", "busy")],
        told["reelsight_worker_slots", ("video", "free")],
    ) == (1, 1)
    assert 0 <= told["reelsight_oldest_heartbeat_age_seconds", ("video",)] < 60
    assert told["reelsight_queue_messages", ("plan",)] >= 1
    register.forget("here:1")
    assert samples(services)["reelsight_workers", ("video",)] == 0


def test_what_processes_count_adds_up(services: Services) -> None:
    one, other = Counts(services.settings), Counts(services.settings)
    before = samples(services)
    for counts in (one, other):
        counts.add("chunks", outcome="settled")
        counts.observe("chunk_seconds", 0.2, part="total")
        counts.observe("chunk_seconds", 4000, part="total")
    told = samples(services)
    rise = {key: value - before.get(key, 0) for key, value in told.items() if "chunk" in key[0]}
    assert rise["reelsight_chunks_total", ("settled",)] == 2
    assert rise["reelsight_chunk_seconds_sum", ("total",)] == pytest.approx(8000.4)
    assert rise["reelsight_chunk_seconds_bucket", ("0.1", "total")] == 0
    assert rise["reelsight_chunk_seconds_bucket", ("0.25", "total")] == 2
    assert rise["reelsight_chunk_seconds_bucket", ("+Inf", "total")] == 4
    with pytest.raises(KeyError):
        one.add("unheard_of")
    one.close()
    other.close()


def test_a_broker_that_is_away_hides_only_its_own_figures(tmp_path: Path) -> None:
    for broker in ("redis://127.0.0.1:9/0", "memory://"):
        settings = Settings(data_dir=tmp_path, broker_url=broker, secret_key="s" * 32)
        services = Services.from_settings(settings, CeleryQueue(make_app(settings)))
        services.prepare()
        services.counts.add("chunks", outcome="settled")
        told = samples(services)
        assert ("reelsight_oldest_queued_age_seconds", ()) in told
        assert not [name for name, _ in told if name.startswith("reelsight_workers")]
        services.close()


def test_figures_are_read_by_one_at_a_time_and_not_for_everybody_who_asks(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    readers: set[int] = set()
    began, may_go_on = threading.Event(), threading.Event()

    def slow(*_: object) -> None:
        readers.add(threading.get_ident())
        began.set()
        assert may_go_on.wait(30)

    asked = Metrics(services)
    before = asked.text()
    assert b"reelsight_queue_age_seconds{" in before
    events.listen(services.engine, "before_cursor_execute", slow)
    try:
        assert asked.text() == before
        assert not began.is_set(), "nothing was read"
        monkeypatch.setattr(gauges, "FRESH_S", 0.0)
        with ThreadPoolExecutor() as pool:
            reading = pool.submit(asked.text)
            assert began.wait(30)
            others = [asked.text() for _ in range(3)]
            monkeypatch.setattr(gauges, "STALE_S", 0.0)
            late = asked.text()
            may_go_on.set()
            reading.result()
    finally:
        events.remove(services.engine, "before_cursor_execute", slow)
    assert all(b"reelsight_queue_age_seconds{" in other for other in others)
    assert b"reelsight_queue_age_seconds{" not in late
    assert len(readers) == 1


def test_with_a_token_figures_and_details_are_told_to_its_holder_alone(tmp_path: Path) -> None:
    with installed(tmp_path, metrics_token=TOKEN, secret_key="s" * 32) as one, httpx.Client(base_url=one.url) as client:
        for wrong in ({}, {"Authorization": TOKEN}, {"Authorization": f"Bearer {TOKEN}x"}, {"Authorization": "Bearer"}):
            refused = client.get("/metrics", headers=wrong)
            assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
            assert "reelsight" not in refused.text
            ready = client.get("/ready", headers=wrong)
            assert (ready.status_code, ready.json()) == (200, {"status": "ok"})
        right = {"Authorization": f"Bearer {TOKEN}"}
        assert "reelsight_build" in client.get("/metrics", headers=right).text
        assert client.get("/ready", headers=right).json()["database"] == "ok"


def test_a_token_that_can_be_guessed_is_none() -> None:
    with pytest.raises(SetupError, match="REELSIGHT_METRICS_TOKEN") as refused:
        settings_of(None, metrics_token="guess-me")
    assert "guess-me" not in str(refused.value)


def test_published_alerts_ask_for_figures_there_are(services: Services) -> None:
    known = {name for name, _ in samples(services)} | {"reelsight_throttled_count_total", "up"}
    for name, figure in FIGURES.items():
        known |= {f"reelsight_{name}_{part}" for part in (("sum", "count") if figure.buckets else ("total",))}
    known.add("reelsight_server_error_count_total")
    rules = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules) > 5
    for rule in rules:
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        asked = set(re.findall(r"\breelsight_\w+", rule["expr"]))
        assert asked <= known, rule
        assert rule["expr"].count("(") == rule["expr"].count(")")
