"""The same market with the sides exchanged: every price reflected at MID, every signed figure negated."""

from __future__ import annotations

from dataclasses import replace

from bot.core.enums import Side
from bot.core.messages import MarketView, TradeView, WallView
from tests.trading import MID

_TWICE = int(2 * MID)


def mirrored(view: MarketView) -> MarketView:
    return replace(
        view,
        bid=_TWICE - view.ask,
        ask=_TWICE - view.bid,
        bid_lots=view.ask_lots,
        ask_lots=view.bid_lots,
        mid=_TWICE - view.mid,
        micro=_TWICE - view.micro,
        mark=_TWICE - view.mark,
        depth_bid=view.depth_ask,
        depth_ask=view.depth_bid,
        thin=-view.thin,
        thin_ratio=-view.thin_ratio,
        tfi_fast=-view.tfi_fast,
        tfi_slow=-view.tfi_slow,
        ofi_fast=-view.ofi_fast,
        ofi_z=-view.ofi_z,
        high_30s=_TWICE - view.low_30s,
        low_30s=_TWICE - view.high_30s,
        thin_low_3s=-view.thin_high_3s,
        thin_high_3s=-view.thin_low_3s,
        vacuum=-view.vacuum,
        cascade_side=-view.cascade_side,
        absorption=-view.absorption,
        momentum=-view.momentum,
        mid_average=_TWICE - view.mid_average,
        composite=replace(
            view.composite,
            bias=-view.composite.bias,
            probability=1.0 - view.composite.probability,
            direction=-view.composite.direction,
        ),
        walls=tuple(mirrored_wall(wall) for wall in view.walls),
    )


def mirrored_wall(wall: WallView) -> WallView:
    return replace(
        wall,
        side=Side(-wall.side),
        price=_TWICE - wall.price,
        far_price=_TWICE - wall.far_price,
    )


def mirrored_trade(trade: TradeView) -> TradeView:
    return replace(
        trade,
        side=Side(-trade.side),
        entry_price=_TWICE - trade.entry_price,
        stop=_TWICE - trade.stop,
        first_stop=_TWICE - trade.first_stop,
        entry_bias=-trade.entry_bias,
        mid=_TWICE - trade.mid,
    )
