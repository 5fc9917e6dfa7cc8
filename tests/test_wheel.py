"""What people install works where there is no checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("hatchling", reason="building the wheel needs hatchling (requirements-dev.txt)")

pytestmark = pytest.mark.first

OURS_UNWANTED = ("PYTHONPATH", "LOPSIDE_CONFIG")


def run(folder: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if name not in OURS_UNWANTED}
    return subprocess.run(
        [str(part) for part in command], cwd=folder, env=env, capture_output=True, text=True, timeout=600
    )


@pytest.fixture(scope="module")
def wheel(repo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    built = run(repo, sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder)
    assert built.returncode == 0, built.stderr
    (found,) = folder.glob("lopside-*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `lopside` command of an empty environment: the wheel is installed there, libraries are lent by
    this run's environment, so that no network is needed."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    site = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder), "platbase": str(folder)}))
    # A folder named in a .pth file is searched, but its own .pth files (one names the checkout) are not read.
    (site / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    done = run(
        folder, sys.executable, "-m", "pip", "--python", folder / "bin" / "python",
        "install", "--quiet", "--no-deps", "--no-index", wheel,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "bin" / "lopside"


def test_the_wheel_holds_the_packages_their_data_and_the_licence(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {"bot/cli/main.py", "bot/market/instruments.toml", "strategies/wall_fade.py"} <= set(names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if name.startswith(("tests/", "scripts/"))]


def test_the_installed_command_runs_from_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    assert run(tmp_path, installed, "--version").stdout.startswith("lopside ")
    checked = run(tmp_path, installed, "config", "check")
    assert (checked.returncode, checked.stderr) == (0, "")
    assert list(tmp_path.iterdir()) == [], "asking leaves nothing behind"


def test_the_installed_package_is_the_wheels_not_the_checkouts(
    installed: Path, repo: Path, tmp_path: Path
) -> None:
    asked = run(tmp_path, installed.with_name("python"), "-c", "import bot, strategies; print(bot.__file__)")
    assert Path(asked.stdout.strip()).is_relative_to(installed.parents[1]), asked.stderr


@pytest.mark.slow
def test_the_installed_bot_paper_trades_from_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    done = run(
        tmp_path, installed, "paper", "--for", "2m", "--speed", "max", "--symbols", "BTCUSDT", "--json"
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["rows"] > 0
    assert told["decision_hash"]
    assert (tmp_path / "lopside-data" / "paper" / "lopside.db").is_file()
