"""Configuration: typed, frozen, grouped by concern.

Later sources win: defaults, the YAML file, environment variables
(`LOPSIDE_GROUP__KEY`, two underscores between group and key), the command
line. An unknown key is an error that names the nearest known one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError
from pydantic_settings.sources import EnvSettingsSource

from bot.app.durations import parse_duration_s
from bot.core.alerts import AlertKind, Delivery
from bot.core.enums import Mode
from bot.core.errors import BadConfig

ENV_PREFIX = "LOPSIDE_"


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _seconds(value: object) -> object:
    return parse_duration_s(value) if isinstance(value, str) else value


def _speed(value: object) -> object:
    return 0.0 if isinstance(value, str) and value.strip() == "max" else value


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Modes = Annotated[tuple[Mode, ...], NoDecode, BeforeValidator(_split)]
UserIds = Annotated[tuple[int, ...], NoDecode, BeforeValidator(_split)]
AlertKinds = Annotated[tuple[AlertKind, ...], NoDecode, BeforeValidator(_split)]
Seconds = Annotated[float, BeforeValidator(_seconds)]
Speed = Annotated[float, BeforeValidator(_speed)]
Share = Annotated[float, Field(gt=0, le=1)]


class Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


class SessionConfig(Group):
    """Who the bot is: sessions keep their paper wallet and trades under a name."""

    name: str = Field(default="paper", pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
    """Name of the session; its wallet and open trades survive a restart."""
    seed: int = Field(default=1, ge=0, lt=2**63)
    """Seed of everything random: the demo market and the bot's own draws."""


class MarketConfig(Group):
    """Where the market comes from."""

    source: Literal["demo", "replay", "live"] = "demo"
    """demo: the embedded synthetic market; replay: a tape; live: public data of a venue, no keys needed."""
    venue: str = "binance"
    """Venue whose markets are traded, when live: binance, bybit, okx or hyperliquid."""
    references: Names = ()
    """Further venues that are only listened to, for the signals that compare venues."""
    urls: Names = ()
    """Other hosts in a venue's place: binance=http://127.0.0.1:8080, as `lopside rehearse` prints."""
    symbols: Names = Field(default=("BTCUSDT", "ETHUSDT", "SOLUSDT"), min_length=1)
    """Symbols of the demo market; a tape brings its own; live takes 21 liquid ones unless some are named."""
    scenario: str = Field(default="demo", min_length=1)
    """What the demo market plays; `lopside paper --help` lists the scenarios."""
    duration: Seconds = Field(default=3600.0, ge=0)
    """Market time to run: 90s, 10m, 1h, 1d or seconds; 0 runs until stopped or the tape ends."""
    speed: Speed = Field(default=60.0, ge=0)
    """Market seconds per second of wall clock; 0 (or max) runs as fast as possible."""


class PaperConfig(Group):
    """The simulated venue and its wallet."""

    balance_usdt: float = Field(default=10_000.0, ge=0)
    """Starting wallet for markets settled in USDT."""
    balance_btc: float = Field(default=0.2, ge=0)
    """Starting wallet for markets settled in BTC."""
    balance_other: float = Field(default=0.0, ge=0)
    """Starting wallet for every other settle coin."""
    order_latency_ms: float = Field(default=10.0, ge=0, le=60_000)
    """From sending an order to its effect at the venue."""
    cancel_latency_ms: float = Field(default=10.0, ge=0, le=60_000)
    """From sending a cancel to its effect at the venue."""
    report_latency_ms: float = Field(default=5.0, ge=0, le=60_000)
    """From the venue's event to our learning of it."""
    queue_model: Literal["pessimistic", "proportional"] = "pessimistic"
    """Who leaves a queue we rest in: pessimistic: those behind us; proportional: those before us too."""
    maker_fee: float | None = Field(default=None, ge=-0.01, le=0.05)
    """Fee fraction for resting orders; null takes the instrument's."""
    taker_fee: float | None = Field(default=None, ge=-0.01, le=0.05)
    """Fee fraction for orders that take; null takes the instrument's."""
    explore_per_day: int = Field(default=5, ge=0, le=1000)
    """Trades a UTC day and symbol that may fail the edge test, to learn; never counted as performance."""


class LiveConfig(Group):
    """Trading an account. Nothing is sent before the acknowledgement below is given."""

    acknowledge: str = ""
    """To trade real money, write: I accept that this bot trades my money"""
    account: Literal["live", "test"] = "live"
    """live: real money; test: the venue's demo or sandbox world."""
    key_file: Path | None = None
    """File that only you can read, with the key; the environment's LOPSIDE_API_KEY wins."""
    secret_file: Path | None = None
    """File that only you can read, with the secret; the environment's LOPSIDE_API_SECRET wins."""
    passphrase_file: Path | None = None
    """Third credential of OKX; the environment's LOPSIDE_API_PASSPHRASE wins."""
    stop_trigger: Literal["mark", "last"] = "mark"
    """Price that triggers stops on the exchange."""
    look_every: Seconds = Field(default=5.0, ge=1, le=300)
    """How often orders, positions and balance are compared with the venue's."""
    heartbeat_url: str = ""
    """Asked every minute while all is well, so that a watchdog outside notices silence."""


class RiskConfig(Group):
    """Limits. Exits are never blocked by them."""

    risk_per_trade: Share = 0.0025
    """Share of equity lost when a stop fills at its price, costs included."""
    kelly_share: Share = 0.25
    """Share of the Kelly bet that is taken at most."""
    daily_volatility: Share = 0.01
    """Volatility of equity a day that one position may bring."""
    max_leverage: float = Field(default=3.0, gt=0, le=20)
    """Notional of one position over equity."""
    max_exposure: float = Field(default=6.0, gt=0, le=100)
    """Notional of all positions together over equity."""
    max_beta: float = Field(default=2.0, gt=0, le=100)
    """Notional times beta to bitcoin of all positions of one direction over equity."""
    portfolio_volatility: Share = 0.02
    """Volatility of equity a day that all positions together may bring."""
    max_positions: int = Field(default=5, ge=1, le=100)
    """Open trades at a time; a symbol has at most one."""
    max_same_side: int = Field(default=3, ge=1, le=100)
    """Open trades in the same direction at a time."""
    daily_loss: Share = 0.02
    """Loss of a UTC day, realised and unrealised, that stops entries until the next."""
    max_drawdown: Share = 0.06
    """Fall of equity from its peak that closes everything and halts."""
    cool_down_stops: int = Field(default=3, ge=1, le=100)
    """Stops in a row of a strategy in a symbol before it pauses there."""
    cool_down: Seconds = Field(default=1800.0, ge=0)
    """How long it pauses: 30m, 1h or seconds."""
    max_order_rate: int = Field(default=120, ge=1, le=10_000)
    """Orders of every kind within a minute; exits are counted and never blocked."""
    max_clock_skew: Seconds = Field(default=5.0, gt=0, le=60)
    """Difference of the venue's clock and ours above which nothing is entered, as venues refuse orders."""
    max_funding: Share = 0.002
    """Funding rate of one settlement, either sign, from which on nothing is entered."""
    min_confidence: Share = 0.5
    """Confidence an entry needs."""
    explore_confidence: Share = 0.3
    """Confidence an exploration trade needs."""
    max_spread_ratio: float = Field(default=3.0, ge=1, le=100)
    """Spread over its median above which nothing is entered."""
    min_target_cost_ratio: float = Field(default=2.0, ge=1, le=100)
    """Target over round-trip cost below which nothing is entered."""

    @model_validator(mode="after")
    def _limits_can_all_be_met(self) -> Self:
        if self.max_same_side > self.max_positions:
            raise ValueError(f"max_same_side {self.max_same_side} exceeds max_positions {self.max_positions}")
        if self.daily_loss > self.max_drawdown:
            raise ValueError(f"daily_loss {self.daily_loss} exceeds max_drawdown {self.max_drawdown}")
        if self.risk_per_trade > self.daily_loss:
            raise ValueError(f"risk_per_trade {self.risk_per_trade} exceeds daily_loss {self.daily_loss}")
        if self.max_leverage > self.max_exposure:
            raise ValueError(f"max_leverage {self.max_leverage} exceeds max_exposure {self.max_exposure}")
        if self.explore_confidence > self.min_confidence:
            raise ValueError(
                f"explore_confidence {self.explore_confidence} exceeds min_confidence {self.min_confidence}"
            )
        return self


class StrategiesConfig(Group):
    """Which strategies trade, and on which horizons."""

    enabled: Names = ("thin_side_breakout", "wall_fade")
    """Names of the strategies that may enter."""
    modes: Modes = Field(default=(Mode.SCALP, Mode.DAY, Mode.SWING), min_length=1)
    """Horizons that decide: scalp (30 s), day (60 s), swing (300 s)."""
    folder: Path = Path("strategies")
    """Folder of your own strategies (see docs/strategies.md); none where there is no such folder."""


class TelegramConfig(Group):
    """Alerts and commands. The token comes from LOPSIDE_TELEGRAM_TOKEN or a file, never from here."""

    token_file: Path | None = None
    """File with the bot's token, readable by you alone."""
    owners: UserIds = ()
    """Numeric user ids that may do everything."""
    operators: UserIds = ()
    """Numeric user ids that may pause, resume, cancel and close."""
    viewers: UserIds = ()
    """Numeric user ids that may only look."""
    chats: UserIds = ()
    """Groups the bot speaks in; none: the private chats of those above."""
    alerts_on: AlertKinds = ()
    """Kinds of alerts with a sound, beside the defaults (docs/telegram.md)."""
    alerts_silent: AlertKinds = ()
    """Kinds of alerts without a sound."""
    alerts_off: AlertKinds = ()
    """Kinds of alerts that do not come; alarms always do."""
    base_url: str = ""
    """Another Bot API server than Telegram's own, as http://localhost:8081."""

    @model_validator(mode="after")
    def _each_kind_once(self) -> Self:
        kinds = [*self.alerts_on, *self.alerts_silent, *self.alerts_off]
        twice = sorted({kind.value for kind in kinds if kinds.count(kind) > 1})
        if twice:
            raise ValueError(f"an alert is on, silent or off, was several: {', '.join(twice)}")
        return self

    @property
    def deliveries(self) -> dict[AlertKind, Delivery]:
        """What differs from the defaults."""
        chosen = (self.alerts_on, self.alerts_silent, self.alerts_off)
        return {kind: how for kinds, how in zip(chosen, Delivery, strict=True) for kind in kinds}


class NotifyConfig(Group):
    """Alerts beside Telegram. The URLs come from LOPSIDE_NOTIFY_URLS or a file, never from here."""

    urls_file: Path | None = None
    """File with a URL a line (json://host/path, mailtos://...), readable by you alone; docs/notify.md."""
    least: Literal["news", "trade", "alarm"] = "trade"
    """Least urgent alerts that are sent there (docs/telegram.md lists the kinds)."""


class LoggingConfig(Group):
    """The log file of a session: JSON lines, rotated, secrets blacked out."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe entries that are kept."""
    max_mb: float = Field(default=10.0, gt=0, le=10_000)
    """Size at which the file is rotated."""
    backups: int = Field(default=5, ge=0, le=1000)
    """Rotated files that are kept."""


class StorageConfig(Group):
    """What is kept on disk."""

    folder: Path = Path("lopside-data")
    """Folder of all sessions: database, log and recordings of each."""
    equity_every: Seconds = Field(default=60.0, ge=1)
    """Market time between two equity rows: 60s, 5m or seconds."""
    readings_days: float = Field(default=30.0, ge=0, le=36_500)
    """Days that the full readings of every 10 s are kept (Parquet, beside the tape); 0 writes none."""
    live_tapes_mb: float = Field(default=4096.0, ge=0, le=10_000_000)
    """Disk for the tapes that live sessions record by themselves, oldest dropped first; 0 records none."""
    min_free_mb: float = Field(default=1024.0, ge=0, le=10_000_000)
    """Free disk below which nothing more is recorded; the session goes on."""


class Config(BaseSettings):
    """The whole configuration. Built by `load`; the constructor reads no environment."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
        env_nested_max_split=1,
    )

    session: SessionConfig = SessionConfig()
    market: MarketConfig = MarketConfig()
    paper: PaperConfig = PaperConfig()
    live: LiveConfig = LiveConfig()
    risk: RiskConfig = RiskConfig()
    strategies: StrategiesConfig = StrategiesConfig()
    telegram: TelegramConfig = TelegramConfig()
    notify: NotifyConfig = NotifyConfig()
    logging: LoggingConfig = LoggingConfig()
    storage: StorageConfig = StorageConfig()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)

    def with_values(self, overrides: Mapping[str, Any]) -> Config:
        """A copy with dotted keys replaced, checked again. Raises BadConfig."""
        values = _nested(overrides)
        _refuse_unknown(values, "command line")
        merged = self.model_dump(mode="python")
        _merge(merged, values)
        return _build(merged, "command line")


def load(
    path: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Config:
    """Configuration from a YAML file, the environment and dotted overrides (`{"risk.daily_loss": 0.01}`).

    Raises BadConfig with one message: where, what was expected, what came.
    """
    env = os.environ if environ is None else environ
    file = path or (Path(env["LOPSIDE_CONFIG"]) if env.get("LOPSIDE_CONFIG") else None)
    layers = [
        (str(file), _from_file(file) if file else {}),
        ("environment", _from_environment(env)),
        ("command line", _nested(overrides or {})),
    ]
    merged: dict[str, Any] = {}
    used = []
    for where, values in layers:
        _refuse_unknown(values, where)
        if values:
            used.append(where)
        _merge(merged, values)
    return _build(merged, ", ".join(used) or "defaults")


def known_keys() -> dict[str, Any]:
    """Every dotted key with its default, in the order of the example file."""
    return dict(_flatten(Config().model_dump(mode="python")))


def _build(values: Mapping[str, Any], where: str) -> Config:
    try:
        return Config(**values)
    except ValidationError as error:
        raise BadConfig(f"configuration ({where}): {_in_words(error)}") from None


def _in_words(error: ValidationError) -> str:
    first, *more = error.errors(include_url=False)
    key = ".".join(str(part) for part in first["loc"] if not isinstance(part, int))
    message = first["msg"].removeprefix("Value error, ").replace("Input should be", "expected")
    told = isinstance(first["input"], dict) or ", was " in message
    value = "" if told else f", was {first['input']!r}"
    others = f" (and {len(more)} more)" if more else ""
    return f"{key}: {message}{value}{others}"


def _from_file(path: Path) -> dict[str, Any]:
    try:
        raw = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        raise BadConfig(
            f"no configuration file {path}; `lopside config example > {path}` makes one"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfig(f"cannot read {path}: {error}") from None
    except yaml.YAMLError as error:
        raise BadConfig(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        raise BadConfig(f"{path}: expected groups of keys, was {type(raw).__name__}")
    # A group that holds only comments reads as null: it means the defaults.
    return {key: {} if value is None else value for key, value in raw.items()}


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    wanted = {name: text for name, text in environ.items() if _is_ours(name)}
    for name in wanted:
        group, _, key = name.removeprefix(ENV_PREFIX).lower().partition("__")
        _refuse_unknown({group: {key: None}}, f"environment {name}")
    source = EnvSettingsSource(Config)
    source.env_vars = {name.lower(): text for name, text in wanted.items()}
    try:
        return dict(source())
    except SettingsError as error:
        raise BadConfig(f"configuration (environment): {error}") from None


def _is_ours(name: str) -> bool:
    """Whether a variable means a key. A single underscore after a group's name is a slip worth an error."""
    if not name.startswith(ENV_PREFIX):
        return False
    rest = name.removeprefix(ENV_PREFIX).lower()
    if "__" in rest:
        return True
    slip = next((k for k in known_keys() if k.replace(".", "_") == rest), None)
    if slip:
        wanted = ENV_PREFIX + slip.replace(".", "__").upper()
        raise BadConfig(f"environment {name}: expected {wanted} (two underscores after the group)")
    return False


def _refuse_unknown(values: Mapping[str, Any], where: str) -> None:
    keys = known_keys()
    groups = {k.split(".")[0] for k in keys}
    for group, inner in values.items():
        if group not in groups:
            raise BadConfig(f"{where}: unknown group {group!r}{_nearest(str(group), sorted(groups))}")
        if not isinstance(inner, Mapping):
            raise BadConfig(f"{where}: {group}: expected keys under the group, was {inner!r}")
        for key in inner:
            if f"{group}.{key}" not in keys:
                raise BadConfig(
                    f"{where}: unknown key '{group}.{key}'{_nearest(f'{group}.{key}', list(keys))}"
                )


def _nearest(name: str, known: list[str]) -> str:
    """A hint: the same word in another group, or the closest spelling."""
    word = name.rpartition(".")[2]
    same = [k for k in known if k.rpartition(".")[2] == word]
    near = (
        same
        or get_close_matches(name, known, n=1, cutoff=0.5)
        or get_close_matches(name, known, n=1, cutoff=0.0)
    )
    return f"; did you mean {near[0]!r}?" if near else ""


def _nested(dotted: Mapping[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for name, value in dotted.items():
        group, _, key = name.partition(".")
        if not re.fullmatch(r"\w+\.\w+", name):
            raise BadConfig(f"command line: expected group.key, was {name!r}")
        tree.setdefault(group, {})[key] = value
    return tree


def _merge(into: dict[str, Any], values: Mapping[str, Any]) -> None:
    for group, inner in values.items():
        into[group] = {**into.get(group, {}), **inner}


def _flatten(tree: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for group, inner in tree.items():
        for key, value in inner.items():
            yield f"{group}.{key}", value
