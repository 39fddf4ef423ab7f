"""What /metrics tells of the whole installation, and that the alerts that are published ask for figures there are."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from api.metrics import Metrics
from pipeline.counts import FIGURES, Counts
from pipeline.liveness import Facts, Register
from pipeline.queue import CeleryQueue, make_app
from pipeline.redis_client import redis_of
from pipeline.services import Services
from pipeline.settings import Settings
from tests.support.redis_server import redis_server

RULES = Path(__file__).resolve().parents[2] / "docs" / "prometheus-rules.yml"
FACTS = Facts("video@here", ("video",), (), "prefork", 2, 1, 3.0, "0")
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
