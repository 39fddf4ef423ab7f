"""Settings that are read from files: what is found, what is refused, and what children are told of them."""

from pathlib import Path

import pytest

from pipeline.errors import SetupError
from pipeline.settings import Settings, environment, settings_of
from pipeline.settings_sources import MAX_BYTES

KEY = "k" * 40


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A secret as `echo` writes it."""
    path = tmp_path / "secret"
    path.write_text(KEY + "\n")
    return path


def test_a_file_stands_for_the_variable(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELSIGHT_SECRET_KEY_FILE", str(file))
    monkeypatch.setenv("REELSIGHT_TLS_CERT_FILE", str(file))  # a setting of that name, not a file of one
    settings = settings_of(file.parent)
    assert settings.secret_key
    assert settings.secret_key.get_secret_value() == KEY
    assert settings.tls_cert_file == file
    assert KEY not in repr(settings)


def test_any_setting_can_be_in_a_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text('["10.0.0.0/8"]\r\n')
    monkeypatch.setenv("REELSIGHT_WEBHOOK_NETWORKS_FILE", str(file))
    assert settings_of(None).webhook_networks == ("10.0.0.0/8",)


@pytest.mark.parametrize("content", [b"", b"\n", b" \r\n", b"\xff\xfe", b"a\0b", b"x" * (MAX_BYTES + 1)])
def test_a_file_without_a_secret_is_refused(file: Path, content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_bytes(content)
    monkeypatch.setenv("REELSIGHT_SECRET_KEY_FILE", str(file))
    with pytest.raises(SetupError, match=f"REELSIGHT_SECRET_KEY_FILE: {file}"):
        settings_of(None)


@pytest.mark.parametrize("name", ["missing", "."])
def test_a_file_that_cannot_be_read_is_refused(file: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELSIGHT_DATABASE_URL_FILE", str(file.parent / name))
    with pytest.raises(SetupError, match=r"REELSIGHT_DATABASE_URL_FILE: .* cannot be read"):
        settings_of(None)


def test_a_setting_that_is_given_twice_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELSIGHT_SECRET_KEY_FILE", str(file))
    monkeypatch.setenv("REELSIGHT_SECRET_KEY", "another")
    with pytest.raises(SetupError, match="REELSIGHT_SECRET_KEY and REELSIGHT_SECRET_KEY_FILE are both set") as error:
        settings_of(None)
    assert KEY not in str(error.value)


def test_children_read_the_files_themselves(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELSIGHT_SECRET_KEY_FILE", str(file))
    told = environment(settings_of(file.parent, port=5))
    assert KEY not in "".join(told.values())
    assert told["REELSIGHT_SECRET_KEY_FILE"] == str(file)
    assert told["REELSIGHT_PORT"] == "5"


def test_children_are_told_what_overrides_a_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("sqlite:///of-the-file.db")
    monkeypatch.setenv("REELSIGHT_DATABASE_URL_FILE", str(file))
    told = environment(Settings(data_dir=file.parent, database_url="sqlite:///other.db"))
    assert told["REELSIGHT_DATABASE_URL"] == "sqlite:///other.db"
    assert "REELSIGHT_DATABASE_URL_FILE" not in told


def joined(folder: Path, content: str, mode: int = 0o600) -> Path:
    path = folder / "machine.json"
    path.write_text(content)
    path.chmod(mode)
    return path


def test_a_machine_finds_what_it_was_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    joined(tmp_path, f'{{"settings": {{"secret_key": "{KEY}", "chunk_s": 7.0, "linger_s": 1}}}}')
    monkeypatch.setenv("REELSIGHT_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("REELSIGHT_LINGER_S", "3")
    settings = settings_of(None)
    assert settings.secret_key
    assert (settings.secret_key.get_secret_value(), settings.chunk_s, settings.linger_s) == (KEY, 7.0, 3.0)
    told = environment(settings)
    assert KEY not in "".join(told.values())
    assert told["REELSIGHT_LINGER_S"] == "3.0"
    monkeypatch.delenv("REELSIGHT_DATA_DIR")
    assert settings_of(tmp_path).chunk_s == 7.0


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"settings": 1}', "\\"])
def test_a_damaged_file_is_named(tmp_path: Path, content: str) -> None:
    path = joined(tmp_path, content)
    with pytest.raises(SetupError, match=f"{path} is damaged"):
        settings_of(tmp_path)


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = joined(tmp_path, '{"settings": {}}', 0o640)
    with pytest.raises(SetupError, match=f"chmod 600 {path}"):
        settings_of(tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{nonsense hunter2", "REELSIGHT_AWS_ACCOUNTS: it is not JSON"),
        ('{"111122223333": {"secret_access_key": "hunter2"}}', "REELSIGHT_AWS_ACCOUNTS: 111122223333: .*set both"),
    ],
)
def test_what_is_wrong_with_a_compound_setting_is_said_without_its_value(
    monkeypatch: pytest.MonkeyPatch, text: str, words: str
) -> None:
    monkeypatch.setenv("REELSIGHT_AWS_ACCOUNTS", text)
    with pytest.raises(SetupError, match=words) as refused:
        settings_of(None)
    assert "hunter2" not in str(refused.value)
