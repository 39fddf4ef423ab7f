"""Whose turn it is: accounts by turns and shares, their own videos by priority and by turns, however much is queued; on both databases."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, select, update

from pipeline.conduct.cancel import cancel, prioritize, retry
from pipeline.conduct.chunk import analyze_chunk
from pipeline.conduct.finish import finish_pass
from pipeline.conduct.plan import plan
from pipeline.conduct.submit import submit
from pipeline.conduct.turn import Report
from pipeline.jobs.priority import LEVELS
from pipeline.jobs.types import JobState
from pipeline.services import Services
from pipeline.store import passes as stored_passes
from pipeline.store import turns
from pipeline.store.engine import reading, writing
from pipeline.store.metadata import utcnow
from pipeline.store.schema import chunks, passes
from pipeline.store.turns import Work
from tests.support.brightness import BRIGHTNESS, NoModels, Watch, watch
from tests.support.conducting import WORKER, analyze, drain, items, job
from tests.support.crowd import crowd
from tests.support.databases import database_url, engine, postgres_server
from tests.support.jobs_installation import RememberingQueue, queue, services
from tests.support.small_video import write_video

__all__ = ["database_url", "engine", "postgres_server", "queue", "services", "watch"]

ANN, BOB, EVE = "1" * 12, "2" * 12, "3" * 12


@pytest.fixture(autouse=True)
def _clips(services: Services, watch: Watch) -> None:
    for name, frames in (("long", 80), ("short", 10), ("other", 80)):
        write_video(services.settings.buckets_path / "videos" / f"{name}.mp4", frames)


def _start(services: Services, account: str, name: str, priority: int = 0) -> str:
    video = {"S3Object": {"Bucket": "videos", "Name": f"{name}.mp4"}}
    job_id = submit(services, account, BRIGHTNESS, {"Video": video})["JobId"]
    if priority:
        prioritize(services, job_id, priority)
    return job_id


def _plan_all(services: Services) -> None:
    while plan(services).report:
        pass


def _taken(services: Services) -> Report:
    report = analyze_chunk(services, NoModels(), WORKER)
    assert report is not None
    return report


def _order(services: Services, number: int) -> list[str]:
    """For which jobs the next workers work."""
    return [_taken(services).jobs[0] for _ in range(number)]


def test_a_short_video_of_another_account_goes_first(services: Services, queue: RememberingQueue) -> None:
    long = _start(services, ANN, "long")
    _plan_all(services)
    assert _order(services, 2) == [long, long]
    short = _start(services, BOB, "short")
    _plan_all(services)
    assert _order(services, 3) == [short, long, long]


def test_a_short_video_of_the_same_account_that_comes_meanwhile_goes_first(services: Services, watch: Watch) -> None:
    long, come = _start(services, ANN, "long"), []
    _plan_all(services)

    def comes() -> None:
        watch.at_batch.clear()
        come.append(_start(services, ANN, "short"))
        _plan_all(services)

    watch.at_batch["brightness"] = comes
    assert _order(services, 1) == [long]
    assert _order(services, 3) == [*come, long, long]


def test_accounts_take_turns_and_chunks_go_in_the_order_of_the_video(services: Services) -> None:
    first, second = _start(services, ANN, "long"), _start(services, BOB, "other")
    _plan_all(services)
    told = [_taken(services) for _ in range(16)]
    assert [report.jobs[0] for report in told] == [first, second] * 8
    assert [report.chunk for report in told[::2]] == [f"{start}-{start + 10}" for start in range(0, 80, 10)]


def test_shares_decide_how_often_it_is_an_accounts_turn(services: Services) -> None:
    services = replace(services, settings=services.settings.model_copy(update={"account_shares": {ANN: 3.0}}))
    large, small = _start(services, ANN, "long"), _start(services, BOB, "other")
    _plan_all(services)
    order = _order(services, 8)
    assert (order.count(large), order.count(small)) == (6, 2)
    assert small in order[:3]


def test_whoever_has_fewer_workers_goes_first_measured_by_shares(services: Services) -> None:
    services = replace(services, settings=services.settings.model_copy(update={"account_shares": {ANN: 2.0}}))
    _start(services, ANN, "long"), _start(services, BOB, "other")
    _plan_all(services)
    order = [_leased(services) for _ in range(6)]
    assert sorted(order[:2]) == [ANN, BOB]
    assert (order.count(ANN), order.count(BOB)) == (4, 2)


def _leased(services: Services) -> str:
    """Whose chunk the next worker takes, who keeps it."""
    with writing(services.engine) as connection:
        now = utcnow()
        pass_ = turns.take(connection, Work.CHUNK, services.settings.account_shares, now)
        assert pass_ is not None
        assert stored_passes.claim_chunk(connection, pass_.id, "busy", now, now + timedelta(hours=1))
        turns.charge(connection, Work.CHUNK, pass_.account, 10, services.settings.account_shares)
    return pass_.account


def test_priority_orders_an_accounts_own_videos_and_nobody_elses(services: Services) -> None:
    low = _start(services, ANN, "long", LEVELS["low"])
    high = _start(services, ANN, "other", LEVELS["high"])
    others = _start(services, BOB, "other", LEVELS["low"])
    _plan_all(services)
    assert sorted(_order(services, 2)) == sorted([high, others])
    assert _order(services, 14).count(others) == 7
    assert set(_order(services, 8)) == {low}


def test_a_running_job_can_be_put_before_others(services: Services) -> None:
    first, second = _start(services, ANN, "long"), _start(services, ANN, "other")
    _plan_all(services)
    assert sorted(_order(services, 2)) == sorted([first, second])
    ranked = prioritize(services, second, LEVELS["high"])
    assert ranked is not None
    assert ranked.priority == LEVELS["high"]
    assert _order(services, 3) == [second] * 3
    prioritize(services, second, LEVELS["low"])
    assert _order(services, 3) == [first] * 3
    assert prioritize(services, "none", 1) is None


def test_a_pass_goes_by_its_most_urgent_open_job(services: Services) -> None:
    urgent, calm = _start(services, ANN, "long", LEVELS["high"]), _start(services, ANN, "long")
    _plan_all(services)
    with reading(services.engine) as connection:
        assert connection.execute(select(passes.c.priority)).scalar_one() == LEVELS["high"]
        assert job(services, urgent).pass_id == job(services, calm).pass_id
    cancel(services, urgent)
    with reading(services.engine) as connection:
        assert connection.execute(select(passes.c.priority)).scalar_one() == 0
    ended = prioritize(services, urgent, LEVELS["low"])
    assert ended is not None
    assert (ended.state, ended.priority) == (JobState.FAILED, LEVELS["high"])
    retry(services, urgent)


def test_planning_and_finishing_take_turns_too(services: Services, queue: RememberingQueue) -> None:
    for number in range(4):
        write_video(services.settings.buckets_path / "videos" / f"{number}.mp4", 10)
    many = {_start(services, ANN, str(number)) for number in range(4)}
    one = _start(services, BOB, "short")
    planned = [report.jobs[0] for _ in range(5) if (report := plan(services).report)]
    assert set(planned) == {*many, one}
    assert one in planned[:2]
    assert plan(services).report is None
    while analyze(services):
        pass
    finished = [report.jobs[0] for _ in range(5) if (report := finish_pass(services, WORKER))]
    assert set(finished) == {*many, one}
    assert one in finished[:2]


def test_one_message_plans_one_video_and_asks_for_the_next(services: Services, queue: RememberingQueue) -> None:
    for name in ("long", "other", "short"):
        _start(services, ANN, name)
    queue.forget()
    assert plan(services).report
    assert queue.plans == 1
    drain(services, queue)
    assert queue.plans == 0


def test_workers_at_once_take_each_chunk_once_and_spread_over_accounts(services: Services) -> None:
    for account in (ANN, BOB, EVE):
        _start(services, account, "long")
    _plan_all(services)
    order: list[str] = []
    barrier = threading.Barrier(6)

    def work() -> None:
        barrier.wait()
        while (report := analyze_chunk(services, NoModels(), WORKER)) is not None:
            order.append(report.pass_id)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {order.count(pass_id) for pass_id in set(order)} == {8}
    with reading(services.engine) as connection:
        assert connection.execute(select(func.max(chunks.c.attempt))).scalar_one() == 1


def test_what_others_hold_is_left_out(services: Services) -> None:
    if services.engine.dialect.name != "postgresql":
        return  # there nobody else writes meanwhile
    _start(services, ANN, "long"), _start(services, BOB, "other")
    _plan_all(services)
    with writing(services.engine) as frozen:
        held = turns.take(frozen, Work.CHUNK, {}, utcnow())
        assert held is not None
        first, second = _taken(services), _taken(services)
    assert held.id not in {first.pass_id, second.pass_id}


def test_passes_of_before_join_in(services: Services, queue: RememberingQueue) -> None:
    job_id = _start(services, ANN, "long")
    _plan_all(services)
    with writing(services.engine) as connection:
        connection.execute(turns.turns.delete())
        connection.execute(update(passes).values(served_at=None))
    drain(services, queue)
    assert len(items(services, BRIGHTNESS, job_id, ANN)) == 80


def test_chunks_of_a_thousand_accounts_are_found_by_index(engine: Engine) -> None:
    with writing(engine) as connection:
        crowd(connection, 1000, 2000, 10_000)
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("ANALYZE")
    explain = {"sqlite": "EXPLAIN QUERY PLAN ", "postgresql": "EXPLAIN "}[engine.dialect.name]
    with reading(engine) as connection:
        for work in Work:
            query = turns.accounts(work, utcnow()).compile(engine, compile_kwargs={"literal_binds": True})
            told = [str(row) for row in connection.exec_driver_sql(explain + str(query).replace("%", "%%"))]
            assert not [step for step in told if "Seq Scan" in step or "SCAN " in step.replace("SCAN found", "")], told
    served = []
    for _ in range(5):
        with writing(engine) as connection:
            now = utcnow()
            pass_ = turns.take(connection, Work.CHUNK, {}, now)
            assert pass_ is not None
            assert stored_passes.claim_chunk(connection, pass_.id, WORKER, now, now + timedelta(hours=1))
            turns.charge(connection, Work.CHUNK, pass_.account, 1, {})
            served.append(pass_.account)
    assert len(set(served)) == 5
