"""`reelsight notifications`: what was delivered, what could not be, and sending it again."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from pipeline.commandline import connect, data_dir_option
from pipeline.errors import SetupError
from pipeline.notify import deadletters
from pipeline.notify.deadletters import DeliveryView, Key, Which
from pipeline.notify.endpoints import without_password
from pipeline.notify.raw import raw_key
from pipeline.notify.states import DeliveryState
from pipeline.secrets import load_secret_key
from pipeline.services import Services
from pipeline.settings import settings_of
from pipeline.store.engine import reading, writing
from pipeline.store.metadata import utcnow
from pipeline.store.notify_schema import subscriptions

BATCH = 500
"""Deliveries that one transaction sends again: other writers want their turn."""
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
ALL = "ALL"


def _since(_context: click.Context, _option: click.Parameter, value: str | None) -> datetime | None:
    if value is None:
        return None
    if match := re.fullmatch(r"([0-9]{1,6})([smhd])", value):
        return utcnow() - timedelta(**{UNITS[match[2]]: int(match[1])})
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is neither an age like 90m, 12h or 7d nor an ISO 8601 moment") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


topic_option = click.option("--topic", "topic_arn", help="Only those published to this topic (ARN).")
subscription_option = click.option("--subscription", "subscription_arn", help="Only those of this subscription (ARN).")
account_option = click.option("--account", help="Only those of this account.")
since_option = click.option(
    "--since", callback=_since, help="Only those published since: 90m, 12h, 7d, or an ISO moment."
)
json_option = click.option("--json", "as_json", is_flag=True, help="JSON, one object a line.")


@click.group()
def notifications() -> None:
    """Lists notifications, shows and sends again those that could not be delivered."""


@notifications.command(name="list")
@click.option(
    "--state",
    type=click.Choice([*(state.value for state in DeliveryState), ALL], case_sensitive=False),
    default=DeliveryState.DEAD.value,
    show_default=True,
    help="Only deliveries in this state.",
)
@topic_option
@subscription_option
@account_option
@since_option
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="Newest deliveries shown.")
@json_option
@data_dir_option
def list_(data_dir: Path | None, state: str, limit: int, as_json: bool, **which: Any) -> None:
    """Prints deliveries, the newest first."""
    wanted = Which(state=None if state == ALL else DeliveryState(state), **which)
    with reading(connect(settings_of(data_dir)).engine) as connection:
        views = deadletters.listed(connection, wanted, limit)
    for view in views:
        click.echo(json.dumps(facts(view)) if as_json else line(view))
    if not views and not as_json:
        click.echo("None.")


@notifications.command()
@click.argument("message_id")
@subscription_option
@data_dir_option
def show(data_dir: Path | None, message_id: str, subscription_arn: str | None) -> None:
    """Prints everything known of the deliveries of a message, and the message."""
    wanted = Which(message_id=message_id, subscription_arn=subscription_arn)
    with reading(connect(settings_of(data_dir)).engine) as connection:
        views = deadletters.listed(connection, wanted, BATCH)
    if not views:
        raise SetupError(f"There is no delivery of message {message_id}; forgotten ones cannot be shown.")
    for view in views:
        click.echo(json.dumps({**facts(view), "Message": view.facts["message"]}, indent=2))


@notifications.command()
@click.argument("message_id", required=False)
@topic_option
@subscription_option
@account_option
@since_option
@click.option("--all", "everything", is_flag=True, help="All dead letters.")
@json_option
@data_dir_option
def redrive(data_dir: Path | None, everything: bool, as_json: bool, **which: Any) -> None:
    """Sends dead letters again, under their old MessageId and with all their retries; repeating it does no harm."""
    wanted = Which(**which)
    if everything == bool(wanted.conditions()):
        raise click.UsageError("name a MESSAGE_ID, --topic, --subscription, --account or --since, or say --all")
    services = connect(settings_of(data_dir))
    done = _redrive(services, wanted, quiet=as_json)
    if done["redriven"]:
        services.queue.wake_delivery()
    click.echo(json.dumps(done) if as_json else _told(services, wanted, done))


@notifications.command()
@topic_option
@account_option
@since_option
@click.option("--limit", type=click.IntRange(1), default=10, show_default=True, help="Failing subscriptions shown.")
@json_option
@data_dir_option
def stats(data_dir: Path | None, limit: int, as_json: bool, **which: Any) -> None:
    """Prints how many deliveries there are in each state, and which subscriptions fail."""
    with reading(connect(settings_of(data_dir)).engine) as connection:
        counts = deadletters.counts(connection, Which(**which))
        oldest = deadletters.oldest_due(connection)
        failing = deadletters.failing(connection, limit)
    late_s = 0.0 if oldest is None else max(0.0, (utcnow() - oldest).total_seconds())
    if as_json:
        click.echo(json.dumps({"Deliveries": counts, "OldestDueSeconds": round(late_s, 1), "Failing": list(failing)}))
        return
    for state, count in counts.items():
        click.echo(f"{state:10} {count}")
    click.echo(f"the oldest due delivery waits for {late_s:.0f} s")
    for one in failing:
        click.echo(f"{one['failures']} failures in a row, {one['dead']} dead letters: {one['endpoint']}  {one['arn']}")


@notifications.command()
@click.argument("subscription_arn")
@data_dir_option
def key(data_dir: Path | None, subscription_arn: str) -> None:
    """Prints the key with which the receiver of a raw subscription checks signatures."""
    services = connect(settings_of(data_dir))
    with reading(services.engine) as connection:
        known = connection.execute(subscriptions.select().where(subscriptions.c.arn == subscription_arn)).first()
    if known is None:
        raise SetupError(f"There is no subscription {subscription_arn}.")
    click.echo(raw_key(load_secret_key(services.settings), subscription_arn))


def facts(view: DeliveryView) -> dict[str, Any]:
    """A delivery as JSON values; members that have no value are left out."""
    row = view.facts
    values = {
        "MessageId": row["notification_id"],
        "SubscriptionArn": row["subscription_arn"],
        "TopicArn": row["topic_arn"],
        "AccountId": row["account"],
        "Type": row["kind"],
        "Subject": row["subject"],
        "Protocol": row["protocol"],
        "Endpoint": without_password(row["endpoint"]),
        "State": row["state"],
        "Attempts": row["attempts"],
        "LastCode": row["last_code"],
        "LastError": row["last_error"],
        "PublishedAt": _moment(row["created_at"]),
        "NextAt": _moment(row["next_at"]) if row["state"] == DeliveryState.PENDING else None,
        "SettledAt": _moment(row["settled_at"]),
        "Gone": view.gone,
    }
    return {name: value for name, value in values.items() if value is not None}


def line(view: DeliveryView) -> str:
    """A delivery on one line."""
    row = view.facts
    reason = "  ".join(str(one) for one in (row["last_error"], view.gone and f"({view.gone})") if one)
    when = row["created_at"].isoformat(timespec="seconds")
    endpoint = without_password(row["endpoint"])
    return f"{row['notification_id']}  {when}  {row['state']:9} {row['attempts']:3}×  {endpoint}  {reason}".rstrip()


def _redrive(services: Services, wanted: Which, *, quiet: bool) -> dict[str, int]:
    """How many were sent again, and how many cannot be; each is looked at once."""
    after: Key = ("", "")
    done = {"redriven": 0, "gone": 0}
    while True:
        with writing(services.engine) as connection:
            views = deadletters.dead_after(connection, wanted, after, BATCH)
            alive = [view.key for view in views if view.gone is None]
            done["redriven"] += deadletters.redrive(connection, alive, utcnow())
        done["gone"] += len(views) - len(alive)
        if not quiet:
            for view in views:
                if view.gone:
                    click.echo(
                        f"{view.key[0]} to {without_password(view.facts['endpoint'])} cannot be sent again: {view.gone}",
                        err=True,
                    )
        if len(views) < BATCH:
            return done
        after = views[-1].key
        if not quiet:
            click.echo(f"{done['redriven']} so far", err=True)


def _told(services: Services, wanted: Which, done: Mapping[str, int]) -> str:
    if done["redriven"] or done["gone"]:
        gone = f"; {done['gone']} cannot be: their topic or subscription is gone or ended" if done["gone"] else ""
        return f"{done['redriven']} to be sent again{gone}."
    with reading(services.engine) as connection:
        others = {state: count for state, count in deadletters.counts(connection, wanted).items() if count}
    if wanted.message_id and not others:
        raise SetupError(f"There is no delivery of message {wanted.message_id}.")
    known = ", ".join(f"{count} {state}" for state, count in others.items())
    return f"Nothing is dead{f': {known}' if known else ''}."


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
