from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
import yaml

from bot.app.config import Config, PaperConfig, known_keys, load
from bot.app.config_text import as_yaml, example
from bot.core.enums import Mode
from bot.core.errors import BadConfig
from bot.execution.venue_state import QueueModel


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    return path


def test_without_any_source_the_defaults_are_in_force() -> None:
    assert load(environ={}) == Config()


def test_command_line_beats_environment_beats_file(tmp_path: Path) -> None:
    file = written(tmp_path, "risk:\n  daily_loss: 0.03\n  max_positions: 7\n  max_same_side: 2\n")
    env = {"LOPSIDE_RISK__DAILY_LOSS": "0.04", "LOPSIDE_RISK__MAX_POSITIONS": "8"}
    risk = load(file, {"risk.daily_loss": 0.05}, env).risk
    assert (risk.daily_loss, risk.max_positions, risk.max_same_side) == (0.05, 8, 2)


def test_the_file_may_be_named_by_the_environment(tmp_path: Path) -> None:
    file = written(tmp_path, "session: {name: mine}\n")
    assert load(environ={"LOPSIDE_CONFIG": str(file)}).session.name == "mine"


def test_lists_durations_and_speed_are_read_as_people_write_them() -> None:
    env = {
        "LOPSIDE_MARKET__SYMBOLS": "BTCUSDT, ETHUSDT",
        "LOPSIDE_MARKET__DURATION": "1h30m",
        "LOPSIDE_MARKET__SPEED": "max",
        "LOPSIDE_STRATEGIES__MODES": "day,scalp",
    }
    config = load(environ=env)
    assert config.market.symbols == ("BTCUSDT", "ETHUSDT")
    assert (config.market.duration, config.market.speed) == (5400.0, 0.0)
    assert config.strategies.modes == (Mode.DAY, Mode.SCALP)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("risk:\n  daily_los: 1\n", "unknown key 'risk.daily_los'; did you mean 'risk.daily_loss'?"),
        ("market:\n  daily_loss: 1\n", "did you mean 'risk.daily_loss'?"),
        ("rsik:\n  daily_loss: 1\n", "unknown group 'rsik'; did you mean 'risk'?"),
        ("risk: 3\n", "expected keys under the group"),
        ("- a\n", "expected groups of keys"),
        ("risk: {daily_loss: [}", "is not YAML"),
        ("risk:\n  max_positions: 0\n", "risk.max_positions: expected greater than or equal to 1, was 0"),
        ("risk:\n  daily_loss: .nan\n", "risk.daily_loss"),
        ("risk:\n  daily_loss: 0.5\n", "daily_loss 0.5 exceeds max_drawdown 0.06"),
        ("risk:\n  max_same_side: 6\n", "max_same_side 6 exceeds max_positions 5"),
        ("market:\n  duration: soon\n", "market.duration: expected a duration such as 90s"),
        ("session:\n  name: ../../etc\n", "session.name"),
        ("strategies:\n  modes: [yearly]\n", "expected 'scalp', 'day' or 'swing', was 'yearly'"),
    ],
)
def test_a_wrong_file_gives_one_clear_line(tmp_path: Path, text: str, expected: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(BadConfig) as caught:
        load(file, environ={})
    message = str(caught.value)
    assert expected in message
    assert "config.yaml" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("LOPSIDE_RISK__DAILY_LOS", "did you mean 'risk.daily_loss'?"),
        ("LOPSIDE_RISK_DAILY_LOSS", "expected LOPSIDE_RISK__DAILY_LOSS"),
        ("LOPSIDE_RSIK__DAILY_LOSS", "did you mean 'risk'?"),
    ],
)
def test_a_misspelt_variable_is_an_error(name: str, expected: str) -> None:
    with pytest.raises(BadConfig, match="environment") as caught:
        load(environ={name: "0.01"})
    assert expected in str(caught.value)


def test_variables_of_other_purposes_are_left_alone() -> None:
    assert load(environ={"LOPSIDE_CACHE": "/x", "LOPSIDE_TEST_DATA": "/y", "PATH": "/z"}) == Config()


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="config example"):
        load(tmp_path / "absent.yaml", environ={})


def test_a_configuration_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Config().risk.daily_loss = 0.9


def test_replaced_values_are_checked_again() -> None:
    assert Config().with_values({"session.seed": 7}).session.seed == 7
    with pytest.raises(BadConfig, match="seed"):
        Config().with_values({"session.seed": -1})
    with pytest.raises(BadConfig, match="did you mean"):
        Config().with_values({"session.sed": 1})


def test_the_example_file_is_the_generated_one_and_equals_the_defaults(repo: Path) -> None:
    shipped = (repo / "config.example.yaml").read_text()
    assert shipped == example(), "run: lopside config example > config.example.yaml"
    assert load(repo / "config.example.yaml", environ={}) == Config()
    raw = yaml.safe_load(shipped)
    assert {f"{g}.{k}" for g, inner in raw.items() for k in inner} == set(known_keys())


def test_every_key_is_described_and_there_are_not_too_many() -> None:
    lines = example().splitlines()
    assert "  # None" not in lines
    assert len(known_keys()) <= 70


def test_what_is_shown_can_be_loaded_again(tmp_path: Path) -> None:
    config = Config().with_values({"market.symbols": "ETHUSDT", "paper.maker_fee": 0.0001})
    assert load(written(tmp_path, as_yaml(config)), environ={}) == config


def test_the_queue_models_are_those_of_the_venue() -> None:
    annotation = PaperConfig.model_fields["queue_model"].annotation
    assert list(get_args(annotation)) == [model.value for model in QueueModel]
