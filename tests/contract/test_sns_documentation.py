"""The commands of docs/notifications.md, run by the AWS CLI as they are written."""

import contextlib
import io
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from string import Template

import pytest

from tests.support.sns_installation import Installation, installed

PAGE = Path(__file__).parents[2] / "docs" / "notifications.md"
ASSIGNMENT = re.compile(r"(\w+)=\$\((.*)\)")


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    with installed(tmp_path) as one:
        for name, value in {
            "AWS_ACCESS_KEY_ID": one.key.id,
            "AWS_SECRET_ACCESS_KEY": one.key.secret,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": one.url,
            "HOME": str(tmp_path),
        }.items():
            monkeypatch.setenv(name, value)
        yield one


def commands(account: str) -> list[str]:
    """The lines of the page's shell blocks; the page has the account that the first start makes."""
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return "".join(blocks).replace("\\\n", " ").replace("000000000000", account).strip().splitlines()


def run(line: str) -> str:
    """What the AWS CLI prints; in this process, because its start takes longer than everything else."""
    clidriver = pytest.importorskip("awscli.clidriver", reason="the AWS CLI is not installed")
    program, *arguments = shlex.split(line)
    assert program == "aws"
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = clidriver.create_clidriver().main(arguments)
    assert (code, err.getvalue()) == (0, "")
    return out.getvalue().strip()


def test_the_commands_of_the_page_work_as_written(installation: Installation) -> None:
    variables: dict[str, str] = {}
    printed = []
    for line in commands(installation.key.account):
        assigned = ASSIGNMENT.fullmatch(line)
        command = Template(assigned[2] if assigned else line).substitute(variables)
        printed.append(run(command))
        if assigned:
            variables[assigned[1]] = printed[-1]
    assert len(printed) >= 10
    policy = '"FilterPolicy": "{\\"Status\\": [\\"FAILED\\"], \\"API\\": [\\"StartLabelDetection\\"]}"'
    assert any(policy in one for one in printed)
