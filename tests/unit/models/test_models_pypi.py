import json
from pathlib import Path

import pytest

from pipeline.errors import ModelError
from pipeline.models.download import Access
from pipeline.models.pypi import DEFAULT_INDEX, Indexes, Link, configured, find, is_sdist, is_wheel, merged
from tests.support.models import links, sdist, wheel
from tests.support.pages import Pages, serving


def test_a_folder_of_files_is_an_index(tmp_path: Path) -> None:
    wheel(tmp_path, "my-pack", "1.0", {})
    wheel(tmp_path, "my-pack", "2.0", {})
    sdist(tmp_path, "my-pack", "2.0", {})
    assert find("My.Pack==2.0", links(tmp_path), is_wheel).filename == "my_pack-2.0-py3-none-any.whl"
    assert find("my_pack==2.0", links(tmp_path), is_sdist).filename == "my_pack-2.0.tar.gz"


def test_a_simple_index_on_disk(tmp_path: Path) -> None:
    folder = tmp_path / "simple" / "my-pack"
    wheel(folder, "my-pack", "1.0", {})
    (folder / "index.html").write_text('<a href="my_pack-1.0-py3-none-any.whl#sha256=ab">x</a><a name="y">y</a>')
    index = Indexes(urls=((tmp_path / "simple").as_uri() + "/",))
    url = (folder / "my_pack-1.0-py3-none-any.whl").as_uri()
    assert find("my-pack==1.0", index, is_wheel) == Link("my_pack-1.0-py3-none-any.whl", url, "ab")


@pytest.mark.parametrize("kind", ["text/html", "application/vnd.pypi.simple.v1+json"])
def test_a_simple_index_on_the_web(kind: str) -> None:
    name = "pack-1.0-py3-none-any.whl"
    listing = f'<a href="../../files/{name}#sha256=ab">{name}</a>'
    if "json" in kind:
        listing = json.dumps({"files": [{"filename": name, "url": f"../../files/{name}", "hashes": {"sha256": "ab"}}]})
    with serving(Pages({"/simple/pack/": (kind, listing.encode())})) as base:
        link = find("pack==1.0", Indexes(urls=(f"{base}/simple",)), is_wheel)
        assert link == Link(name, f"{base}/files/{name}", "ab")


def test_the_login_of_an_index_goes_with_its_own_links_only() -> None:
    listing = (
        b'<a href="/files/pack-1.0-py3-none-any.whl">x</a><a href="http://other.test/pack-2.0-py3-none-any.whl">y</a>'
    )
    with serving(Pages({"/simple/pack/": ("text/html", listing)}, login="user:word")) as base:
        index = Indexes(urls=(base.replace("http://", "http://user:word@") + "/simple",))
        assert "user:word@" in find("pack==1.0", index, is_wheel).url
        assert find("pack==2.0", index, is_wheel).url == "http://other.test/pack-2.0-py3-none-any.whl"


def test_what_is_nowhere_is_reported_with_every_place_and_no_login(tmp_path: Path) -> None:
    with serving(Pages({}, login="user:word")) as base:
        index = Indexes(
            urls=(base.replace("http://", "http://user:wrong@"),), links=(str(tmp_path),), remark="Mind this."
        )
        with pytest.raises(ModelError) as caught:
            find("pack==1.0", index, is_wheel)
    message = str(caught.value)
    assert "pack==1.0 was not found" in message
    assert str(tmp_path) in message
    assert "answered 401" in message
    assert "Mind this." in message
    assert "wrong" not in message


def test_an_index_that_cannot_be_reached_does_not_hide_the_next(tmp_path: Path) -> None:
    wheel(tmp_path / "pack", "pack", "1.0", {})
    index = Indexes(urls=("http://127.0.0.1:9/simple", tmp_path.as_uri()), access=Access(timeout_s=2))
    assert find("pack==1.0", index, is_wheel).url.startswith("file:")


def test_rubbish_instead_of_json_is_reported() -> None:
    with (
        serving(Pages({"/pack/": ("application/json", b"[]")})) as base,
        pytest.raises(ModelError, match="not a package index"),
    ):
        find("pack==1.0", Indexes(urls=(base,)), is_wheel)


def test_variables_win_over_the_download_section_over_global() -> None:
    listing = "\n".join(
        [
            ":env:.index-url='https://env/simple'",
            "download.index-url='https://download/simple'",
            "download.timeout='7'",
            "global.extra-index-url='\\nhttps://one/simple\\nhttps://two/simple'",
            "global.index-url='https://global/simple'",
            "global.timeout='9'",
            "install.index-url='https://install/simple'",
        ]
    )
    values = merged(listing)
    assert values["index-url"] == "https://env/simple"
    assert values["timeout"] == "7"
    assert values["extra-index-url"].split() == ["https://one/simple", "https://two/simple"]


def test_pip_is_asked_for_its_configuration(tmp_path: Path) -> None:
    config = tmp_path / "pip.conf"
    config.write_text(
        "[global]\nindex-url = https://mirror.test/simple\nextra-index-url =\n  https://a.test\n  https://b.test\n"
    )
    found = configured({"PIP_CONFIG_FILE": str(config), "PIP_TRUSTED_HOST": "mirror.test", "HOME": str(tmp_path)})
    assert found.urls[0] == "https://mirror.test/simple"
    assert {"https://a.test", "https://b.test"} <= set(found.urls)
    assert found.access.trusted_hosts == {"mirror.test"}


def test_no_index_leaves_only_links(tmp_path: Path) -> None:
    found = configured({"PIP_CONFIG_FILE": "/dev/null", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": f"{tmp_path} /x"})
    assert found.urls == ()
    assert found.links == (str(tmp_path), "/x")


def test_the_public_index_is_the_default() -> None:
    assert configured({"PIP_CONFIG_FILE": "/dev/null"}).urls == (DEFAULT_INDEX,)


def test_without_pip_the_variables_of_pip_and_uv_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    monkeypatch.setenv("PATH", "")
    found = configured({"UV_INDEX_URL": "https://uv.test/simple", "PIP_EXTRA_INDEX_URL": "https://pip.test/simple"})
    assert found.urls == ("https://uv.test/simple", "https://pip.test/simple")
    with pytest.raises(ModelError, match="pip is not installed here"):
        find("pack==1.0", Indexes(urls=(), links=(str(tmp_path),), remark=found.remark), is_wheel)
