"""What machines that join are told, and which installations they cannot join."""

import json
from pathlib import Path

import pytest

from pipeline.errors import SetupError
from pipeline.machines.shared import OWN, check_reachable, notes, shared_settings
from pipeline.settings import Settings

KEY = "k" * 40
FAR = {
    "database_url": "postgresql+psycopg://user:p%40ss@db.example:5432/reelsight?sslmode=require",
    "broker_url": "rediss://:secret@cache.example:6380/0",
    "s3_endpoint_url": "http://objects:8333",
    "public_https_url": "https://video.example",
}


def installation(folder: Path, **changed: object) -> Settings:
    return Settings(data_dir=folder, secret_key=KEY, **{**FAR, **changed})


def test_everything_that_holds_for_all_is_told_and_nothing_else(tmp_path: Path) -> None:
    settings = installation(
        tmp_path, chunk_s=5.0, port=9, device="cuda", threads=3, s3_secret_access_key="s3cret", log_level="DEBUG"
    )
    told = shared_settings(settings, None)
    assert json.loads(json.dumps(told)) == told
    assert not set(told) & OWN
    assert {told["secret_key"], told["s3_secret_access_key"]} == {KEY, "s3cret"}
    assert told["public_url"] == "http://127.0.0.1:9"
    assert told["auto_upgrade"] is False
    other = Settings(data_dir=tmp_path / "other", **told)
    for name in set(Settings.model_fields) - OWN - {"public_url", "auto_upgrade"}:
        assert getattr(other, name) == getattr(settings, name), name


def test_every_own_setting_exists() -> None:
    assert set(Settings.model_fields) >= OWN
    paths = {name for name, field in Settings.model_fields.items() if "Path" in str(field.annotation)}
    assert paths <= OWN  # a path means nothing on another machine


def test_the_key_of_the_data_directory_is_told(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, **FAR)
    told = shared_settings(settings, None)
    assert told["secret_key"] == (tmp_path / "secret.key").read_text().strip()


@pytest.mark.parametrize("host", ["10.1.2.3", "db2.example", "fd00::7"])
def test_reach_replaces_hosts_and_nothing_else(tmp_path: Path, host: str) -> None:
    told, there = shared_settings(installation(tmp_path), host), f"[{host}]" if ":" in host else host
    assert told["database_url"] == FAR["database_url"].replace("db.example", there)
    assert told["broker_url"] == FAR["broker_url"].replace("cache.example", there)
    assert told["s3_endpoint_url"] == FAR["s3_endpoint_url"].replace("objects", there)
    assert told["public_https_url"] == FAR["public_https_url"]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"database_url": None}, "the database is a file.*REELSIGHT_DATABASE_URL"),
        ({"database_url": "sqlite:////tmp/x.db"}, "the database is a file"),
        ({"database_url": "postgresql+psycopg://u:hidden@localhost/db"}, "REELSIGHT_DATABASE_URL leads to localhost"),
        ({"database_url": "postgresql+psycopg://u:hidden@/db?host=/run/pg"}, "REELSIGHT_DATABASE_URL names no host"),
        ({"database_url": "postgresql:///db"}, "REELSIGHT_DATABASE_URL names no host"),
        ({"database_url": "hidden nonsense"}, "REELSIGHT_DATABASE_URL is no URL"),
        ({"broker_url": None}, "REELSIGHT_BROKER_URL"),
        ({"broker_url": "redis+socket:///run/redis.sock"}, "REELSIGHT_BROKER_URL"),
        ({"broker_url": "redis://:hidden@127.0.0.1:6379/0"}, "REELSIGHT_BROKER_URL leads to 127.0.0.1"),
        ({"broker_url": "redis://:hidden@[::1]:6379/0"}, "REELSIGHT_BROKER_URL leads to ::1"),
        ({"s3_endpoint_url": None}, "directories of this machine.*REELSIGHT_S3_ENDPOINT_URL"),
        ({"s3_endpoint_url": "http://0.0.0.0:8333"}, "REELSIGHT_S3_ENDPOINT_URL leads to 0.0.0.0"),
        ({"public_https_url": None}, "REELSIGHT_PUBLIC_HTTPS_URL leads to 127.0.0.1"),
        ({"public_https_url": None, "host": "0.0.0.0"}, "REELSIGHT_PUBLIC_HTTPS_URL leads to 0.0.0.0"),
    ],
)
def test_addresses_that_lead_nowhere_else_are_refused(tmp_path: Path, changed: dict[str, object], reason: str) -> None:
    with pytest.raises(SetupError, match=reason) as error:
        check_reachable(installation(tmp_path, **changed), None)
    assert "hidden" not in str(error.value)


def test_addresses_that_lead_somewhere_are_fine(tmp_path: Path) -> None:
    check_reachable(installation(tmp_path), None)
    near = {
        "database_url": "postgresql+psycopg://u@localhost/db",
        "broker_url": "redis://127.0.0.1/0",
        "s3_endpoint_url": "http://localhost:1",
    }
    check_reachable(installation(tmp_path, **near), "10.0.0.5")
    check_reachable(installation(tmp_path, **near, public_https_url=None), None, same_host=True)
    with pytest.raises(SetupError, match="another machine for everybody else"):
        check_reachable(installation(tmp_path, **near), "127.0.0.1")


def test_what_cannot_be_told_is_noted(tmp_path: Path) -> None:
    assert list(notes(installation(tmp_path, s3_access_key_id="a"))) == []
    (models, key) = notes(installation(tmp_path, models_file=tmp_path / "models.toml"))
    assert "REELSIGHT_MODELS_FILE" in models
    assert "object store" in key


def test_no_password_is_shown_where_settings_are() -> None:
    shown = repr(Settings(database_url="postgresql://u:hunter2@h/d", broker_url="redis://:hunter2@h/0"))
    assert "hunter2" not in shown
