"""Those who want to hear of completions: some always listen, one is away or slow at times, one is dead."""

import contextlib
import json
import threading
import urllib.request
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from tests.support.chaos.installation import ACCOUNTS, Installation
from tests.support.chaos.processes import wait_for
from tests.support.receiver import Answer, Received, Receiver, receiving

PER_ACCOUNT = ("prompt", "second", "moody", "dead")
"""Names of the subscribers of every account's topic; the last one answers nothing but the handshake."""
MANY = {"minDelayTarget": 1, "maxDelayTarget": 10, "numRetries": 20, "backoffFunction": "linear"}
FEW = {"minDelayTarget": 1, "maxDelayTarget": 1, "numRetries": 1}
SLOW_S = 5.0
"""Longer than a webhook may take here."""


@dataclass(slots=True)
class Subscriber:
    """One webhook.

    Attributes:
        name: Account and name.
        url: Where it listens.
        mood: "fine", "away" (answers 503) or "slow".
        heard: JobId -> MessageId of every delivery it has taken, in order.
        states: JobId -> Status values it was told.
    """

    name: str
    url: str = ""
    mood: str = "fine"
    heard: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    states: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _well: threading.Event = field(default_factory=threading.Event)

    @property
    def dead(self) -> bool:
        """Whether nothing is expected to reach it."""
        return self.name.endswith(PER_ACCOUNT[-1])

    def take(self, request: Received) -> Answer:
        """Answers a delivery."""
        if request.headers.get("x-amz-sns-message-type") != "Notification":
            return Answer()
        if self.dead or self.mood == "away":
            return Answer(503)
        if self.mood == "slow":
            self._well.wait(SLOW_S)
        message = json.loads(request.message["Message"])
        with self._lock:
            self.heard[message["JobId"]].append(request.message["MessageId"])
            self.states[message["JobId"]].add(message["Status"])
        return Answer()

    def feel(self, mood: str) -> None:
        """Changes how it answers."""
        self.mood = mood
        (self._well.clear if mood == "slow" else self._well.set)()


@contextmanager
def subscribed(installation: Installation) -> Iterator[tuple[Mapping[str, str], list[Subscriber]]]:
    """Account -> ARN of its topic, and the confirmed subscribers of all topics, which listen inside the block."""
    topics: dict[str, str] = {}
    subscribers: list[Subscriber] = []
    with contextlib.ExitStack() as stack:
        for account in ACCOUNTS:
            sns = installation.client("sns", account, 0)
            topics[account] = sns.create_topic(Name="chaos")["TopicArn"]
            for name in PER_ACCOUNT:
                subscriber = Subscriber(f"{account}/{name}")
                inbox = stack.enter_context(receiving(subscriber.take))
                subscriber.url = inbox.url
                retries = {"DeliveryPolicy": json.dumps({"healthyRetryPolicy": FEW if subscriber.dead else MANY})}
                webhook = {"TopicArn": topics[account], "Protocol": "http", "Endpoint": inbox.url}
                try:
                    sns.subscribe(**webhook, Attributes=retries)
                except ClientError:
                    sns.subscribe(**webhook)
                _confirm(inbox)
                subscribers.append(subscriber)
        try:
            yield topics, subscribers
        finally:
            for subscriber in subscribers:
                subscriber.feel("fine")  # nobody is kept waiting


def _confirm(inbox: Receiver) -> None:
    def invitation() -> Any:
        return next(iter(inbox.messages("SubscriptionConfirmation")), None)

    url = wait_for(invitation, 120, "a confirmation message came")["SubscribeURL"]
    with urllib.request.urlopen(url, timeout=10) as answer:
        answer.read()
