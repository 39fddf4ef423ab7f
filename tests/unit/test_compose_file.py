"""compose.yaml and Dockerfile say what they should, as far as that can be told without an engine that runs them."""

import json
import re
import shutil
import stat
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest

from api.cli import COMMANDS, LazyGroup
from api.serve.workers import KILL_AFTER_S
from pipeline.settings import Settings
from tests.support.composition import FILE, ROOT, SECRETS, Composed, composition, document, interpolated, make_secrets

SERVICES = composition()
OURS = {name: service for name, service in SERVICES.items() if service.ours}
LASTING = {name: service for name, service in SERVICES.items() if service.raw.get("restart") != "no"}
ENDING = {"migrate", "models"}


def program(name: str) -> str:
    """One of those that the test extra brings."""
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    assert found, f"{name} is not installed"
    return found


def test_the_file_is_of_the_compose_specification() -> None:
    done = subprocess.run(
        [program("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(FILE)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_the_dockerfile_pleases_hadolint() -> None:
    done = subprocess.run(
        [program("hadolint"), str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout


def test_targets_of_the_images_exist_and_run_as_nobody_special() -> None:
    stages = re.split(r"^FROM ", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)[1:]
    by_name = {stage.splitlines()[0].split(" AS ")[1]: stage for stage in stages}
    for service in OURS.values():
        assert f"USER {service.raw['user']}" in by_name[service.raw["build"]["target"]]


def commands(service: Composed) -> list[tuple[str, ...]]:
    """What it runs, its health check among that."""
    kind, *check = service.raw["healthcheck"]["test"] if "healthcheck" in service.raw else ("NONE",)
    return [service.command, *([tuple(check)] if kind == "CMD" else [])]


@pytest.mark.parametrize("name", OURS)
def test_commands_exist_and_parse(name: str) -> None:
    for command in commands(OURS[name]):
        if command[0] == "python":
            compile(command[2], name, "exec")
            continue
        assert command[0] == "reelsight"
        context = click.Context(LazyGroup("reelsight"))
        parsed: click.Command = LazyGroup("reelsight")
        arguments = list(command[1:])
        while isinstance(parsed, click.Group):
            found = parsed.get_command(context, arguments.pop(0))
            assert found is not None, command
            parsed = found
        parsed.make_context(command[-1], arguments)  # raises where an option or argument is not one


def test_every_command_can_be_imported() -> None:
    for place in COMMANDS.values():
        module, name = place.split(":")
        assert isinstance(getattr(import_module(module), name), click.Command)


@pytest.mark.parametrize("name", OURS)
def test_variables_are_settings_and_secrets_are_read(name: str) -> None:
    service = OURS[name]
    read = set()
    for variable, value in service.environment.items():
        setting = variable.removeprefix("REELSIGHT_").lower()
        if value.startswith(SECRETS):
            setting = setting.removesuffix("_file")
            read.add(value.removeprefix(f"{SECRETS}/"))
        assert setting in Settings.model_fields, variable
    assert read == set(service.secrets)


def test_values_are_what_settings_take(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    make_secrets(tmp_path)
    for service in OURS.values():
        for variable, value in service.environment.items():
            monkeypatch.setenv(variable, value.replace(SECRETS, str(tmp_path)))
        settings = Settings()
        assert settings.database_url == (tmp_path / "database_url").read_text().strip()
        for variable in service.environment:
            monkeypatch.delenv(variable)


def test_every_secret_is_made_and_given_to_somebody(tmp_path: Path) -> None:
    make_secrets(tmp_path / "secrets")
    declared = document({"REELSIGHT_SECRETS": str(tmp_path / "secrets")})["secrets"]
    made = {path.name for path in (tmp_path / "secrets").iterdir()}
    assert made == set(declared) == {name for service in SERVICES.values() for name in service.secrets}
    assert all(Path(secret["file"]).read_text().endswith("\n") for secret in declared.values())
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    for service in SERVICES.values():
        used = set(re.findall(rf"{SECRETS}/(\w+)", json.dumps(service.raw)))
        assert used == set(service.secrets), service.name


def test_secrets_stay_when_they_are_made_again(tmp_path: Path) -> None:
    make_secrets(tmp_path)
    before = {path.name: path.read_text() for path in tmp_path.iterdir()}
    (tmp_path / "s3_config").unlink()
    make_secrets(tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == before
    assert before["postgres_password"].strip() in before["database_url"]
    assert len(before["secret_key"].strip()) >= 32


def test_no_password_stands_in_the_file() -> None:
    for service in SERVICES.values():
        for variable, value in service.environment.items():
            if re.search("PASSWORD|SECRET|KEY|TOKEN", variable):
                assert value.startswith(SECRETS), variable


@pytest.mark.parametrize("name", SERVICES)
def test_services_are_confined(name: str) -> None:
    raw = SERVICES[name].raw
    assert raw["cap_drop"] == ["ALL"]
    assert raw["security_opt"] == ["no-new-privileges:true"]
    assert raw["read_only"] is True
    assert "memory" in raw["deploy"]["resources"]["limits"]
    assert "privileged" not in raw


@pytest.mark.parametrize("name", LASTING)
def test_services_that_last_are_started_again_and_checked(name: str) -> None:
    raw = LASTING[name].raw
    assert raw["restart"] == "unless-stopped"
    assert raw["healthcheck"]["test"]


def test_services_that_end_hold_up_those_that_need_them() -> None:
    assert set(SERVICES) - set(LASTING) == ENDING
    for name, service in OURS.items():
        needed = {other: how["condition"] for other, how in service.raw["depends_on"].items()}
        assert all((needed[other] == "service_completed_successfully") == (other in ENDING) for other in needed)
        if name not in ENDING:
            assert "migrate" in needed
        if service.command[1] == "worker":
            assert "models" in needed


def test_every_queue_has_a_worker_that_may_end_its_tasks() -> None:
    from pipeline import queue

    workers = [service for service in OURS.values() if service.command[1] == "worker"]
    assert {service.command[3] for service in workers if "profiles" not in service.raw} == set(queue.QUEUES)
    for service in workers:
        grace_s = int(service.raw["stop_grace_period"].removesuffix("s"))
        assert grace_s > int(service.environment["REELSIGHT_STOP_S"]) + KILL_AFTER_S
        assert "--supervised" in service.command
        check = service.raw["healthcheck"]["test"]
        assert check == ["CMD", "reelsight", "alive", "--here", service.command[3]]


def test_workers_on_gpus_are_asked_for() -> None:
    gpu = {name: service for name, service in OURS.items() if "profiles" in service.raw}
    assert {service.raw["profiles"][0] for service in gpu.values()} == {"gpu"}
    for service in gpu.values():
        assert service.environment["REELSIGHT_DEVICE"] == "cuda"
        (device,) = service.raw["deploy"]["resources"]["reservations"]["devices"]
        assert device["capabilities"] == ["gpu"]


def test_database_broker_and_objects_cannot_be_reached_from_outside() -> None:
    assert document()["networks"]["inside"] == {"internal": True}
    published = {name for name, service in SERVICES.items() if "ports" in service.raw}
    assert published == {"proxy", "flower"}
    for name in ("postgres", "redis", "objects"):
        assert SERVICES[name].raw["networks"] == ["inside"]
    for name in published:  # to this host alone, unless told otherwise
        assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].raw["ports"])


def test_images_of_others_are_pinned() -> None:
    for service in SERVICES.values():
        if not service.ours:
            assert re.fullmatch(r"[a-z/]+:\d+(\.\d+)?(-alpine)?", service.raw["image"]), service.name


def test_volumes_and_networks_are_declared() -> None:
    whole = document()
    assert {volume for service in SERVICES.values() for volume in service.volumes.values()} == set(whole["volumes"])
    assert {network for service in SERVICES.values() for network in service.raw["networks"]} == set(whole["networks"])


def test_variables_are_put_in_as_the_specification_says() -> None:
    given = {"A": "a", "EMPTY": ""}
    assert interpolated("${A:-x} ${B:-y} ${EMPTY:-z} ${EMPTY-w} $$A", given) == "a y z  $A"
    with pytest.raises(KeyError, match="say B"):
        interpolated("${B:?say B}", given)
