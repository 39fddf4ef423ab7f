"""docs/images.md as a new user follows it: every command runs as it stands and prints what the page says."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.service import SERVE, Service

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.weights]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "images.md"
PHOTOS = {
    "beach.jpg": "identity/azure_identification1.jpg",
    "anna-1.jpg": "identity/azure_Family1-Mom1.jpg",
    "anna-2.jpg": "identity/azure_Family1-Mom2.jpg",
    "ben-1.jpg": "identity/azure_Family1-Dad1.jpg",
    "ben-2.jpg": "identity/azure_Family1-Dad2.jpg",
    "ben-3.jpg": "identity/azure_Family1-Dad3.jpg",
    "street.jpg": "labels/bus.jpg",
    "sign.jpg": "text/wakeupcat.jpg",
    "dinner.jpg": "moderation/wine_pasta.jpg",
    "site.jpg": "ppe/helmet_4.jpg",
}
PROMISE = re.compile(r"^(?P<command>.*?)\s+# -> (?P<printed>.*)$", re.DOTALL)


def commands(page: str) -> list[str]:
    """The commands of the page's shell blocks, continued lines joined."""
    blocks = re.findall(r"^```sh\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    lines = "".join(blocks).replace("\\\n", "\\\n\0").split("\n")
    joined = "\n".join(lines).replace("\\\n\0", "\\\x00")
    return [line.replace("\\\x00", "\\\n") for line in joined.split("\n") if line.strip()]


def script(page: str, port: int) -> str:
    """A bash script of all commands, which ends at the first that fails or prints something else than promised."""
    lines = ["set -euo pipefail"]
    for command in commands(page.replace("127.0.0.1:8080", f"127.0.0.1:{port}")):
        promise = PROMISE.match(command)
        if promise is None:
            lines.append(command)
        else:
            lines += [f"printed=$({promise['command']})", f'expect {_quoted(promise["printed"])} "$printed"']
    check = 'expect() { [ "$1" = "$2" ] || { echo "promised $1, printed $2, line ${BASH_LINENO[0]}" >&2; exit 9; }; }'
    return "\n".join([lines[0], check, *lines[1:]]) + "\n"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


@pytest.mark.parametrize("service", [SERVE], indirect=True)  # the page is about directories of `reelsight serve`
def test_every_command_of_the_page_runs_as_written(service: Service, media: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for name, photo in PHOTOS.items():
        (tmp_path / "photos" / name).write_bytes((media / "images" / photo).read_bytes())
    (tmp_path / "data").symlink_to(service.folder)
    port = int(service.endpoint.rpartition(":")[2])
    (tmp_path / "page.sh").write_text(script(PAGE.read_text(encoding="utf-8"), port), encoding="utf-8")
    own = {
        name: value for name, value in os.environ.items() if not name.startswith("AWS_") and name != "PYTHONWARNINGS"
    }
    environment = {**own, "PATH": f"{Path(sys.executable).parent}:{own['PATH']}", "AWS_PAGER": ""}
    done = subprocess.run(
        ["bash", "-x", "page.sh"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def test_the_page_shows_every_operation_on_images() -> None:
    from pipeline.images.catalog import IMAGE_OPERATIONS

    shown = PAGE.read_text(encoding="utf-8")
    dashed = {re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower() for name in IMAGE_OPERATIONS}
    assert not [name for name in dashed if f"aws rekognition {name} " not in shown]
