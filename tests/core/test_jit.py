from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

import bot
from bot.core import jit

PACKAGE = Path(bot.__file__).parent

KERNEL = """\
from bot.core.jit import hot
from bot.market import table

@hot
def f(x):
    return x + table.ONE
"""
SMALL = {
    "core/jit.py": "def hot(f): ...\n",
    "market/kernel.py": KERNEL,
    "market/table.py": "from bot.core.enums import ONE\n",
    "core/enums.py": "ONE = 1\n",
    "market/reader.py": "from bot.market.kernel import f\n",
    "app/header.py": "from bot.core.jit import kernel_hash\n",
}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package with one kernel, what it is made of, and modules that only use it."""
    root = tmp_path / "bot"
    for name, source in SMALL.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(source)
    return root


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        pytest.param("market/kernel.py", True, id="the kernel"),
        pytest.param("market/table.py", True, id="constants it imports"),
        pytest.param("core/enums.py", True, id="constants of those"),
        pytest.param("core/jit.py", True, id="how it is compiled"),
        pytest.param("market/reader.py", False, id="a caller"),
        pytest.param("app/header.py", False, id="a reader of the hash"),
    ],
)
def test_the_hash_follows_what_is_compiled_and_nothing_else(name: str, counts: bool, package: Path) -> None:
    before = jit.kernel_hash(package)
    (package / name).write_text(SMALL[name] + "# changed\n")

    assert (jit.kernel_hash(package) != before) is counts


def test_a_moved_kernel_is_another_kernel(package: Path) -> None:
    before = jit.kernel_hash(package)
    (package / "market/kernel.py").rename(package / "market/renamed.py")

    assert jit.kernel_hash(package) != before


def test_a_kernel_that_is_added_changes_the_hash(package: Path) -> None:
    before = jit.kernel_hash(package)
    (package / "market/more.py").write_text("from bot.core.jit import njit\n")

    assert jit.kernel_hash(package) != before


def test_the_hash_knows_no_place(package: Path, tmp_path: Path) -> None:
    shutil.copytree(package, tmp_path / "elsewhere" / "bot")

    assert jit.kernel_hash(tmp_path / "elsewhere" / "bot") == jit.kernel_hash(package)


def test_every_module_of_ours_that_compiles_is_among_the_sources() -> None:
    decorated = re.compile(r"^@(?:jit\.)?(?:hot|njit)\b", re.MULTILINE)
    compiling = {path for path in PACKAGE.rglob("*.py") if decorated.search(path.read_text("utf-8"))}
    sources = set(jit.kernel_sources())

    assert len(compiling) > 20
    assert compiling <= sources
    # what the kernels compile in: row kinds, statuses, the table of cards
    assert {PACKAGE / n for n in ("market/events.py", "market/heads.py", "signals/registry.py")} <= sources


def test_kernels_are_kept_in_the_folder_of_their_hash(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import numba

    assert jit.CACHE_DIR.parent == jit.cache_root()
    assert str(jit.CACHE_DIR) == numba.config.CACHE_DIR  # type: ignore[attr-defined]

    monkeypatch.setenv("LOPSIDE_CACHE", str(tmp_path))
    assert jit.cache_root() == tmp_path / "kernels"
    monkeypatch.delenv("LOPSIDE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert jit.cache_root() == tmp_path / "lopside" / "kernels"


def kept_at(function: object) -> Path:
    return Path(function._cache.cache_path)  # type: ignore[attr-defined]


def test_a_kernel_is_found_by_its_module_wherever_it_is_installed() -> None:
    from bot.market.book import set_level

    assert kept_at(set_level) == jit.CACHE_DIR / "bot.market.book"
    locator = set_level._cache._impl.locator
    assert locator.get_source_stamp() == jit.CACHE_DIR.name, "no path, no time of a file"


def test_functions_of_others_are_kept_as_numba_does() -> None:
    assert jit.KernelLocator.from_function(kept_at, __file__) is None
    mine = jit.njit(lambda x: x + 1)
    assert kept_at(mine).parent == jit.CACHE_DIR


def test_where_nothing_can_be_written_numba_looks_for_another_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from bot.market.book import set_level

    (tmp_path / "file").touch()
    monkeypatch.setattr(jit, "CACHE_DIR", tmp_path / "file" / "kernels")
    assert jit.KernelLocator.from_function(set_level.py_func, jit.__file__) is None


def test_a_function_compiled_in_two_ways_is_kept_in_the_first_alone() -> None:
    """numba's cache does not tell them apart: the second would be given the machine code of the first."""

    def one_more(x: int) -> int:
        return x + 1

    called, copied = jit.rare(one_more), jit.hot(one_more)

    assert called(1) == copied(1) == 2
    assert kept_at(called).parent == jit.CACHE_DIR
    assert copied._cache.cache_path is None
    assert not copied.stats.cache_hits
