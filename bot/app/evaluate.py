"""Judges signals and detectors by tapes: one pass of the bot's loop over them, then every figure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from bot.app.sources import open_tapes
from bot.core.errors import BadInput
from bot.evaluation.evaluation import Evaluation, judge
from bot.evaluation.samples import Collector
from bot.evaluation.truth import read_truth


def evaluate(
    tapes: Sequence[Path],
    truth: Path | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Evaluation:
    """Replay tapes, one after the other as one stream, without trading, and judge what was said.

    `on_progress` is called with rows done and in all. Raises BadInput for tapes
    or truth that cannot be read, or that hold nothing to judge.
    """
    source = open_tapes(tapes, (), None)
    planted = read_truth(truth, source.instruments) if truth is not None else []
    collector = Collector(source.instruments)
    total = sum(tape.row_count for tape in source.tapes)
    done = 0
    for rows in source.batches():
        collector.feed(rows)
        done += rows.size
        on_progress(done, total)
    samples = collector.finish()
    if not any(samples.touches):
        raise BadInput(f"{tapes[0]}: no market ever had a whole order book; nothing can be judged")
    return judge(samples, [str(tape) for tape in tapes], None if truth is None else str(truth), planted)
