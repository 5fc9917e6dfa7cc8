"""The card stage: every 10 s, raw values become scores, strengths, confidences and states.

One compiled pass over markets x cards x windows x modes (signals.md 6.2 to
6.7), then the composite. Scales are exact rolling medians of |raw| over the
last 12 h, strengths exact ranks of |score|; both are kept incrementally.
"""

from __future__ import annotations

import math

import numpy as np

from bot.core.enums import Agreement
from bot.core.jit import bit_count, hot, rare
from bot.core.units import NS_PER_S
from bot.signals.composite import combine_cards
from bot.signals.grid import horizon_sigma_bps, return_bps
from bot.signals.learning.rounds import begin, settle
from bot.signals.raw import flow_imbalance, measure
from bot.signals.registry import CARD_COUNT, FLOORS, LEAST_SCALE, MODES, SCALES, WINDOWS
from bot.signals.rolling import ask, median_of, mid_rank, push
from bot.signals.state import CYCLE_NS, MIDS
from bot.signals.surroundings import renew_zones

PRIOR_N = 60
DIRECTIONAL = 0.15
ENTER, LEAVE, SLOPE = 0.35, 0.15, -0.02
BIAS_ENTER, BIAS_LEAVE, BIAS_SLOPE = 0.10, 0.04, -0.005
CONFIRM = (1, 2, 2)
FRESH_CYCLES = 3
WINDOW_WEIGHTS = ((0.6, 0.3, 0.1), (0.3, 0.5, 0.2), (0.1, 0.3, 0.6))
ALIGNMENT_S = (60, 300, 3600)
MAX_AGE_S = 15.0
FAST_SCALE = 1.0  # prior scale of the 10 s order-flow imbalance

_NEUTRAL, _MIXED = int(Agreement.NEUTRAL), int(Agreement.MIXED)
_AGREED, _CONFLICTED = int(Agreement.AGREED), int(Agreement.CONFLICTED)


@rare
def emit(signals, books, heads, now_ns):
    """Emit every card and composite of every market; the learner learns before and is asked after."""
    settle(signals.learning, now_ns)
    for market in range(heads.size):
        sig = signals.rows[market]
        learned = signals.learning.rows[market]
        measure(signals.rows, signals.zones.rows[market], signals.pairs, books, heads, market, now_ns)
        align(sig)
        _fast_flow(sig)
        read(sig, learned, now_ns, (now_ns - heads[market].commit_ns) / NS_PER_S)
        begin(signals.learning, sig.cards, market, now_ns)
        renew_zones(sig, learned, signals.zones, heads[market], market, now_ns)


@rare
def read(sig, learned, now_ns, age_s):
    """Everything that follows from the raw values of one emission. `age_s`: of the book."""
    gap_share = _gap_share(sig.grid)
    _ask(sig.history, 0)
    for card in range(CARD_COUNT):
        if card + 1 < CARD_COUNT:
            _ask(sig.history, card + 1)
        _score_windows(sig, card)
        samples = _samples(sig.history, card)
        for mode in range(MODES):
            _read_card(sig, card, mode, age_s, gap_share, samples, now_ns)
    for mode in range(MODES):
        combine_cards(sig, learned, mode)
        reading = sig.composites[mode]
        follow(sig, CARD_COUNT, mode, reading, now_ns, BIAS_ENTER, BIAS_LEAVE, BIAS_SLOPE)
    grid = sig.grid
    grid.emissions += 1
    grid.emitted_ns = now_ns
    for k in range(3, 0, -1):
        grid.emitted_mid[k] = grid.emitted_mid[k - 1]
    grid.emitted_mid[0] = sig.mids[grid.second % MIDS]


@hot
def _ask(history, card):
    """Have a card's windows on their way while the card before is read: they were last touched a tick ago."""
    for w in range(WINDOWS):
        ask(history[card * WINDOWS + w])
    for mode in range(MODES):
        ask(history[WINDOWS * CARD_COUNT + card * MODES + mode])


@hot
def robust_scale(window, prior, floor):
    """6.2: 1.4826 median |x|, blended with a prior worth 60 samples."""
    n = window.count
    middle = 1.4826 * median_of(window) if n else 0.0
    return max((n * middle + PRIOR_N * prior) / (n + PRIOR_N), floor)


@rare
def _score_windows(sig, card):
    """Scores of the three windows; each sample enters its history after it was scored."""
    for w in range(WINDOWS):
        raw = sig.raw[card, w]
        if raw != raw:
            sig.scores[card, w] = np.nan
            continue
        window = sig.history[card * WINDOWS + w]
        scale = robust_scale(window, SCALES[card], FLOORS[card])
        sig.scores[card, w] = math.tanh(raw / scale / 2.0)
        push(window, abs(raw))


@hot
def _samples(history, card):
    """Emissions behind a card's scale."""
    most = np.int64(0)
    for w in range(WINDOWS):
        most = max(most, history[card * WINDOWS + w].count)
    return most


@hot
def combine_windows(scores, card, mode):
    """6.3: (score, agreement, coverage, state) of a card's windows for a mode; nan when all sleep."""
    weights = WINDOW_WEIGHTS[mode]
    total = known = size = 0.0
    awake = up = down = 0
    for w in range(WINDOWS):
        score = scores[card, w]
        if score != score:
            continue
        awake += 1
        known += weights[w]
        total += weights[w] * score
        size += weights[w] * abs(score)
        up += score >= DIRECTIONAL
        down += score <= -DIRECTIONAL
    if awake == 0:
        return np.nan, np.nan, 0.0, -1
    agreement = 1.0 if size / known < 1e-12 else abs(total) / size
    state = _MIXED
    if up + down == 0:
        state = _NEUTRAL
    elif up > 0 and down > 0:
        state = _CONFLICTED
    elif up + down == awake and awake >= 2:
        state = _AGREED
    return total / known, agreement, known / (weights[0] + weights[1] + weights[2]), state


@hot
def confidence_of(age_s, gap_share, samples, agreement, state, coverage):
    """6.4: data quality times agreement; 0 when the book is older than 15 s."""
    if age_s > MAX_AGE_S:
        return 0.0
    fresh = math.exp(-max(0.0, age_s - 1.0) / 3.0)
    agree = (0.4 + 0.6 * agreement) * (0.5 if state == _CONFLICTED else 1.0)
    return fresh * max(0.0, 1.0 - 2.0 * gap_share) * samples / (samples + PRIOR_N) * agree * coverage


@hot
def _gap_share(grid):
    """Share of the last 60 s in which the book was not usable."""
    bad = np.int64(bit_count(grid.bad_seconds & np.uint64((1 << 60) - 1)))
    return bad / 60.0


@rare
def _read_card(sig, card, mode, age_s, gap_share, samples, now_ns):
    """One card for one mode."""
    reading = sig.cards[card, mode]
    score, agreement, coverage, state = combine_windows(sig.scores, card, mode)
    reading.score, reading.agreement = score, agreement
    reading.coverage, reading.state = coverage, state
    if score != score:
        reading.strength = reading.confidence = np.nan
    else:
        confidence = confidence_of(age_s, gap_share, samples, agreement, state, coverage)
        reading.confidence = confidence * sig.factors[card]
        window = sig.history[WINDOWS * CARD_COUNT + card * MODES + mode]
        reading.strength = strength_of(window, abs(score), state)
    follow(sig, card, mode, reading, now_ns, ENTER, LEAVE, SLOPE)


@hot
def strength_of(window, size, state):
    """6.4: mid-rank of |score| among earlier ones, itself for the first 60; halved in conflict."""
    strength = size
    if window.count >= PRIOR_N:
        strength = mid_rank(window, size)
    push(window, size)
    return 0.5 * strength if state == _CONFLICTED else strength


@hot
def follow(sig, card, mode, reading, now_ns, enter, leave, slope):
    """Direction with hysteresis (6.5), then deceleration and exhaustion of the episode (6.6).

    Falling asleep ends the episode without a transition.
    """
    memory = sig.memory[card, mode]
    score = reading.score
    if score != score:
        reading.direction = reading.fresh = reading.decelerating = reading.exhausted = 0.0
        memory.direction = memory.candidate = memory.confirmed = memory.changed_ns = 0
        return
    before = memory.direction
    _step_direction(memory, score, enter, leave, CONFIRM[mode])
    mid = sig.mids[sig.grid.second % MIDS]
    if memory.direction != before:
        memory.changed_ns = now_ns
        memory.cards = 0
        memory.peak = 0.0
        memory.started_mid = mid
    else:
        memory.cards += 1
    towards = score * memory.direction
    memory.peak = max(memory.peak, towards)
    episode = memory.direction != 0
    reading.decelerating = (
        episode
        and memory.cards >= 3
        and towards <= 0.7 * memory.peak
        and towards > leave
        and (towards - memory.past[2] * memory.direction) / 3.0 <= slope
    )
    reading.exhausted = episode and exhausted(sig, mode, memory, reading.strength, mid)
    reading.direction = memory.direction
    reading.fresh = memory.changed_ns > 0 and now_ns - memory.changed_ns <= FRESH_CYCLES * CYCLE_NS[mode]
    memory.past[2] = memory.past[1]
    memory.past[1] = memory.past[0]
    memory.past[0] = score
    memory.strength = reading.strength


@hot
def _step_direction(memory, score, enter, leave, confirm):
    """6.5: the exact state machine; a failed flip goes through neutral."""
    wish = 0
    if abs(score) >= enter:
        wish = 1 if score > 0.0 else -1
    if wish != 0 and wish != memory.direction:
        memory.confirmed = memory.confirmed + 1 if wish == memory.candidate else 1
        memory.candidate = wish
    else:
        memory.candidate = 0
        memory.confirmed = 0
    if memory.confirmed >= confirm:
        memory.direction = wish
        memory.candidate = 0
        memory.confirmed = 0
    elif memory.direction != 0 and score * memory.direction <= leave:
        memory.direction = 0


@hot
def exhausted(sig, mode, memory, strength, mid):
    """6.6: strong for two cards, moved two sigma since the transition, and hardly any more lately."""
    if memory.cards < 4 or not strength >= 0.97 or not memory.strength >= 0.97:
        return False
    recent_from = sig.grid.emitted_mid[2]  # three emissions ago, this one not yet noted
    move = memory.direction * 1e4 * (mid / memory.started_mid - 1.0)
    recent = memory.direction * 1e4 * (mid / recent_from - 1.0) / 3.0
    sigma = horizon_sigma_bps(sig.grid, mode)
    return move >= 2.0 * sigma and recent <= 0.25 * move / memory.cards


@rare
def align(sig):
    """6.7 without the sign of the score: tanh of the mode's window return over its volatility."""
    grid = sig.grid
    for mode in range(MODES):
        move = return_bps(sig.mids, grid.second, ALIGNMENT_S[mode])
        sigma = horizon_sigma_bps(sig.grid, 0) * math.sqrt(ALIGNMENT_S[mode] / 60.0)
        grid.drift[mode] = math.tanh(move / sigma) if sigma > 0.0 else np.nan


@rare
def _fast_flow(sig):
    """The 10 s order-flow imbalance in mean touch depths, and its robust z: for entries, not a card."""
    value = flow_imbalance(sig.flow, 0)
    sig.fast[0] = value
    sig.fast[1] = np.nan
    if value == value:
        window = sig.history[(WINDOWS + MODES) * CARD_COUNT + MODES]
        sig.fast[1] = value / robust_scale(window, FAST_SCALE, LEAST_SCALE)
        push(window, abs(value))
