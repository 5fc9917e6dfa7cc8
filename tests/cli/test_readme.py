"""The examples of the README are run, in their order, in an empty folder."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from bot.cli.main import main

ELSEWHERE = ("lopside paper --venue", "lopside rehearse", "LOPSIDE_API_KEY", "./scripts/")
"""Examples that want a network or do not end by themselves; test_live, test_live_session and CI run them."""
SHORTER = {"4h": "20m"}


def examples(readme: str) -> list[str]:
    """Indented lines, without their comments."""
    return [line.split("  #")[0].strip() for line in re.findall(r"^ {4}(\S.*)$", readme, re.MULTILINE)]


@pytest.mark.slow
def test_the_examples_run(
    repo: Path, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    recording = data_dir / "hftbacktest" / "usdm" / "btcusdt_20240808.gz"
    run = []
    for line in examples((repo / "README.md").read_text()):
        if line.startswith(ELSEWHERE):
            continue
        program, *words = shlex.split(line)
        assert program == "lopside", line
        words = [SHORTER.get(word, word).replace(recording.name, str(recording)) for word in words]
        assert main(words) == 0, line
        run.append(words[0])
    assert {"import", "backtest", "report", "paper", "tape", "features", "evaluate"} <= set(run)
