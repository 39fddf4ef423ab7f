"""Delivery of what is due: find, claim under a lease, let couriers bring it, settle."""

import heapq
import time
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from sqlalchemy import Connection

from pipeline.notify.aws import AwsClients
from pipeline.notify.courier import Courier
from pipeline.notify.due import Candidate, candidates, following
from pipeline.notify.held import Delivery
from pipeline.notify.keyring import Keyring
from pipeline.notify.message import Links, jobs_of
from pipeline.notify.outbox import WEB, anything_due
from pipeline.notify.outcome import Outcome
from pipeline.notify.settling import settle
from pipeline.notify.ssrf import Guard, Resolver, resolve
from pipeline.notify.states import Lane
from pipeline.notify.webhook import CONNECTIONS, Webhooks, trust
from pipeline.secrets import secret_keys
from pipeline.services import Services
from pipeline.settings import Settings
from pipeline.store.engine import reading, writing
from pipeline.store.metadata import utcnow

THREADS = CONNECTIONS
"""Deliveries at a time in one call; a subscription has one at most."""
PLACES = {Lane.PROVEN: 32, Lane.OTHERS: 64}
"""Deliveries at a time in each lane; of the proven those that last count no more, so that they hold no place of the others'."""
BRIEF_S = 1.0
"""A delivery that takes longer lasts."""
SUSPECT_S = 60.0
"""How long deliveries to a host that did not answer go with those that are not proven."""
ROUND_S = 60.0
"""After this long a call takes nothing new, so that it ends however slow receivers are."""
SOON = timedelta(seconds=5)
"""What becomes due by itself within this time is waited for: the sweeper would wake no deliverer much sooner."""
POLL_S = 0.25
"""While deliveries are under way, how often others that became due are looked for."""
SHORTEST_S = 0.005
"""And how often at most, where something is expected."""
LOOKING = 4
"""After a look that found little, this many times as long passes before the next: looking takes a fifth of the time at most."""
BATCH = 512
"""Candidates that are remembered per lane."""
LEASE_MARGIN_S = 45.0
"""A delivery is over after the webhook timeout, plus the time that resolving the name may take."""
LIMIT = 1_000_000


def deliver_due(
    services: Services, now: datetime | None = None, limit: int = LIMIT, resolver: Resolver = resolve
) -> int:
    """How many deliveries were tried; returns when nothing is due any more, or after about a minute.

    Any number of processes may call it at once: each delivery is held by one of them under a lease.
    """
    with reading(services.engine) as connection:
        started = now or utcnow()  # that of the database, once there is a connection
        if not anything_due(connection, started):
            return 0  # no key is made and no authority loaded
    settings = services.settings
    guard, tls = Guard.from_settings(settings, resolver), trust(settings.webhook_ca_file)
    signer = Keyring(services.engine, settings).signer(started)
    clock = _Clock(started, time.monotonic())
    with Webhooks(guard, tls, settings.webhook_timeout_s) as webhooks:
        courier = Courier(
            webhooks,
            AwsClients(settings.aws_accounts, settings.webhook_timeout_s),
            signer,
            links(settings),
            secret_keys(settings).read(),
            clock.now,
        )
        with ThreadPoolExecutor(THREADS, thread_name_prefix="deliver") as pool:
            return _Round(services, courier, clock, pool, limit).run()


def links(settings: Settings) -> Links:
    """SigningCertURL is https, as verifiers demand; SubscribeURL and UnsubscribeURL are on the http port, because a person or
    a program that follows them need not trust our authority. Their tokens are the secret, and `public_url` may be https."""
    return Links(actions=settings.http_url, certificates=settings.https_url)


@dataclass(frozen=True, slots=True)
class _Clock:
    """The caller's clock, carried on by the one that nobody sets."""

    started: datetime
    began_s: float

    def now(self) -> datetime:
        """This moment."""
        return self.started + timedelta(seconds=time.monotonic() - self.began_s)


@dataclass(frozen=True, slots=True)
class _Flight:
    """A delivery under way."""

    delivery: Delivery
    lane: Lane
    began_s: float


@dataclass(slots=True)
class _Queue:
    """What one lane has found to be due, and when it is to look again."""

    found: deque[Candidate] = field(default_factory=deque)
    after: str = ""
    look_at_s: float = 0.0
    looked: datetime | None = None


@dataclass(slots=True)
class _Round:
    """One call of the deliverer: its thread alone talks to the database, its pool to the receivers."""

    services: Services
    courier: Courier
    clock: _Clock
    pool: ThreadPoolExecutor
    limit: int
    taken: int = 0
    flights: dict[Future[Outcome], _Flight] = field(default_factory=dict)
    queues: dict[Lane, _Queue] = field(default_factory=lambda: {lane: _Queue() for lane in Lane})
    suspects: dict[str, float] = field(default_factory=dict)
    soon: list[datetime] = field(default_factory=list)

    def run(self) -> int:
        """How many deliveries were tried."""
        while True:
            if time.monotonic() - self.clock.began_s < ROUND_S:
                for lane in Lane:
                    self._take(lane)
            if self.flights:
                done, _ = wait(self.flights, timeout=self._patience_s(), return_when=FIRST_COMPLETED)
                self._settle([(self.flights.pop(one), one.result()) for one in done])
            elif not self._waited():
                return self.taken

    def _take(self, lane: Lane) -> None:
        """Starts what there are places for."""
        places = min(self._places(lane), self.limit - self.taken)
        if places <= 0:
            return
        queue = self.queues[lane]
        if not queue.found and (not self.flights or time.monotonic() >= queue.look_at_s or self._overdue()):
            self._look(lane, queue)
        chosen = [queue.found.popleft() for _ in range(min(places, len(queue.found)))]
        if lane is Lane.PROVEN:
            chosen = [one for one in chosen if not self._deferred(one)]
        for delivery in self._claimed(chosen):
            self.flights[self.pool.submit(self.courier.bring, delivery)] = _Flight(delivery, lane, time.monotonic())
            self.taken += 1

    def _places(self, lane: Lane) -> int:
        mine = [flight for flight in self.flights.values() if flight.lane is lane]
        if lane is Lane.PROVEN:
            since = time.monotonic() - BRIEF_S
            mine = [flight for flight in mine if flight.began_s > since]
        return min(PLACES[lane] - len(mine), THREADS - len(self.flights))

    def _look(self, lane: Lane, queue: _Queue) -> None:
        began_s, queue.looked = time.monotonic(), self.clock.now()
        with reading(self.services.engine) as connection:
            found = candidates(connection, queue.looked, lane, BATCH, queue.after)
            if not found and queue.after:
                found = candidates(connection, queue.looked, lane, BATCH)
        queue.found.extend(found)
        queue.after = found[-1].subscription_arn if len(found) == BATCH else ""
        ended_s = time.monotonic()
        queue.look_at_s = ended_s if len(found) == BATCH else ended_s + min(LOOKING * (ended_s - began_s), POLL_S)

    def _deferred(self, candidate: Candidate) -> bool:
        """Whether its host is under suspicion; then it goes with the others."""
        if self.suspects.get(_host(candidate.endpoint), 0.0) < time.monotonic():
            return False
        if len(self.queues[Lane.OTHERS].found) < BATCH:  # what has no room is found again
            self.queues[Lane.OTHERS].found.append(candidate)
        return True

    def _claimed(self, chosen: list[Candidate]) -> list[Delivery]:
        if not chosen:
            return []
        keys = [(one.notification_id, one.subscription_arn) for one in chosen]
        now, lease = self.clock.now(), timedelta(seconds=self.courier.webhooks.timeout_s + LEASE_MARGIN_S)
        with writing(self.services.engine) as connection:
            held = list(self.services.outbox.claim(connection, keys, now, lease))
        for delivery in held:
            if delivery.protocol in WEB and delivery.policy.per_s is not None:
                self._expect(now + timedelta(seconds=1 / delivery.policy.per_s))
        return held

    def _settle(self, ended: list[tuple[_Flight, Outcome]]) -> None:
        if not ended:
            return
        now = self.clock.now()
        with writing(self.services.engine) as connection:
            settle(self.services.outbox, connection, [(flight.delivery, outcome) for flight, outcome in ended], now)
            self._follow(connection, [flight for flight, outcome in ended if outcome.error is None], now)
        for flight, outcome in ended:
            self._count(flight.delivery, outcome, now)
            if outcome.wait is not None:
                self._expect(now + outcome.wait)
            if outcome.error is not None and outcome.code is None:
                self.suspects[_host(flight.delivery.endpoint)] = time.monotonic() + SUSPECT_S

    def _count(self, delivery: Delivery, outcome: Outcome, now: datetime) -> None:
        counts = self.services.counts
        kind = "delivered" if outcome.error is None else "retried" if outcome.wait is not None else "dead"
        counts.add("deliveries", outcome="moved" if outcome.moved else kind)
        if outcome.error is None:
            counts.observe("delivery_lag_seconds", (now - delivery.notification.created_at).total_seconds())
            jobs, since = jobs_of(delivery.notification), delivery.notification.created_at.timestamp()
            self.services.traces.add(
                "deliver", jobs, since, message_id=delivery.notification.id, tries=delivery.attempts + 1
            )

    def _follow(self, connection: Connection, delivered: list[_Flight], now: datetime) -> None:
        """Goes on with subscriptions that work, where nobody else waits, without looking for what all have."""
        for lane, queue in self.queues.items():
            if not queue.found:
                arns = sorted(flight.delivery.subscription_arn for flight in delivered if flight.lane is lane)
                queue.found.extend(following(connection, arns, now))

    def _expect(self, moment: datetime) -> None:
        """Something becomes due then; it is waited for if that is soon."""
        if moment - self.clock.now() <= SOON:
            heapq.heappush(self.soon, moment)

    def _overdue(self) -> bool:
        return bool(self.soon) and self.soon[0] <= self.clock.now()

    def _patience_s(self) -> float:
        """Until something is expected that both lanes have not been looked through for since."""
        looked = [queue.looked for queue in self.queues.values() if queue.looked is not None]
        while self.soon and len(looked) == len(self.queues) and self.soon[0] <= min(looked):
            heapq.heappop(self.soon)
        if not self.soon:
            return POLL_S
        return min(POLL_S, max((self.soon[0] - self.clock.now()).total_seconds(), SHORTEST_S))

    def _waited(self) -> bool:
        """Whether something became due after a pause; False: nothing will, soon."""
        if any(queue.found for queue in self.queues.values()) and self.taken < self.limit:
            return time.monotonic() - self.clock.began_s < ROUND_S
        patience_s = self._patience_s()
        over = time.monotonic() - self.clock.began_s >= ROUND_S or self.taken >= self.limit
        if not self.soon or over:
            return False
        time.sleep(patience_s)
        return True


def _host(endpoint: str) -> str:
    """The host that an endpoint is at; queues and topics count by themselves."""
    return urlsplit(endpoint).netloc.rpartition("@")[2].lower() or endpoint
