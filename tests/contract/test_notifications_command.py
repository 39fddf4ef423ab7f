"""`reelsight notifications` beside a running installation, on both databases."""

import json
import subprocess
import sys
from typing import Any

import pytest
from click.testing import CliRunner

from api.cli import main
from pipeline.notify.raw import KEY_ATTRIBUTE
from tests.support.aws_server import configure
from tests.support.databases import database_url, postgres_server
from tests.support.receiver import Answer, Receiver, receiving
from tests.support.sns_deliveries import TOPIC, announce, installation, join
from tests.support.sns_installation import ACCOUNT, Installation

__all__ = ["database_url", "installation", "postgres_server"]  # fixtures


@pytest.fixture(autouse=True)
def _selected(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands find the installation by the environment."""
    monkeypatch.setenv("REELSIGHT_DATA_DIR", str(installation.services.settings.data_dir))
    monkeypatch.setenv("REELSIGHT_DATABASE_URL", installation.services.settings.sqlalchemy_url)


def run(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(main, ["notifications", *arguments])
    assert result.exit_code == code, result.output
    return result.stdout if code == 0 else result.output


def listed(*arguments: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run("list", "--json", *arguments).splitlines()]


def dead_letters(installation: Installation, receiver: Receiver, count: int) -> list[str]:
    """MessageIds of messages that the receiver did not want."""
    receiver.answer = lambda _request: Answer(400, body=b"not now")
    ids = [str(announce(installation, f"message {number}")) for number in range(count)]
    installation.deliver()
    receiver.answer = lambda _request: Answer()
    return ids


def test_dead_letters_are_listed_shown_and_sent_again_once(installation: Installation) -> None:
    with receiving() as receiver:
        arn = join(installation, receiver)
        ids = dead_letters(installation, receiver, 3)
        assert {one["MessageId"] for one in listed()} == set(ids)
        [shown] = [json.loads(run("show", ids[0]))]
        assert shown["SubscriptionArn"] == arn
        assert (shown["Message"], shown["State"], shown["Attempts"], shown["LastCode"], shown["LastError"]) == (
            "message 0",
            "DEAD",
            1,
            400,
            "HTTP 400 not now",
        )
        assert "Gone" not in shown
        assert "400 not now" in run("list")
        assert run("redrive", ids[0]) == "1 to be sent again.\n"
        assert run("redrive", ids[0]) == "Nothing is dead: 1 PENDING.\n"
        before = len(receiver.requests)
        assert installation.deliver() == 1
        assert [r.headers["x-amz-sns-message-id"] for r in receiver.requests[before:]] == [ids[0]]
        assert run("redrive", ids[0]) == "Nothing is dead: 1 DELIVERED.\n"
        assert json.loads(run("redrive", "--subscription", arn, "--json")) == {"redriven": 2, "gone": 0}
        assert installation.deliver() == 2
        assert listed() == []


def test_two_who_send_again_at_once_send_once(installation: Installation) -> None:
    with receiving() as receiver:
        join(installation, receiver)
        dead_letters(installation, receiver, 5)
        before = len(receiver.requests)
        command = [sys.executable, "-m", "api.cli", "notifications", "redrive", "--all", "--json"]
        both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        assert sum(json.loads(one.communicate()[0])["redriven"] for one in both) == 5
        installation.deliver()
        assert len(receiver.requests) - before == 5


def test_letters_for_nobody_are_said_to_be(installation: Installation) -> None:
    with receiving() as one, receiving() as other:
        unsubscribed, deleted = join(installation, one), join(installation, other)
        one.answer = other.answer = lambda _request: Answer(410)
        message_id = announce(installation)
        installation.deliver()
        installation.client().unsubscribe(SubscriptionArn=unsubscribed)
        gone = {letter["SubscriptionArn"]: letter.get("Gone") for letter in listed()}
        assert gone == {unsubscribed: "its subscription is gone", deleted: None}
        installation.client().delete_topic(TopicArn=TOPIC)
        assert {letter["Gone"] for letter in listed()} == {"its topic is gone"}
        assert run("redrive", str(message_id)).startswith("0 to be sent again; 2 cannot be")
        assert len(listed()) == 2


def test_filters(installation: Installation) -> None:
    with receiving() as receiver:
        arn = join(installation, receiver)
        [message_id] = dead_letters(installation, receiver, 1)
        assert len(listed("--topic", TOPIC, "--since", "1h", "--account", ACCOUNT, "--subscription", arn)) == 1
        assert listed("--topic", TOPIC + "x") == []
        assert listed("--account", "999999999999") == []
        assert listed("--since", "2999-01-01T00:00:00") == []
        assert {one["Type"] for one in listed("--state", "ALL")} == {"Notification", "SubscriptionConfirmation"}
        stats = json.loads(run("stats", "--json"))
        assert stats["Deliveries"]["DEAD"] == 1
        assert [one["arn"] for one in stats["Failing"]] == [arn]
        assert "1 dead letters" in run("stats")
        assert message_id in run("list", "--limit", "1")


def test_mistakes_are_named(installation: Installation) -> None:
    assert "no delivery of message nothing" in run("show", "nothing", code=1)
    assert "no delivery of message nothing" in run("redrive", "nothing", code=1)
    assert "say --all" in run("redrive", code=2)
    assert "say --all" in run("redrive", "--all", "--topic", TOPIC, code=2)
    assert "neither an age" in run("list", "--since", "yesterday", code=2)
    assert "no subscription nobody" in run("key", "nobody", code=1)
    assert run("list") == "None.\n"


def test_the_key_of_raw_messages_is_that_of_the_api(installation: Installation) -> None:
    with receiving() as receiver:
        arn = join(installation, receiver)
        configure(installation, arn, RawMessageDelivery="true")
        shown = installation.client().get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
        assert run("key", arn).strip() == shown[KEY_ATTRIBUTE]
