"""What the demo market can play, for the help: a copy that loads nothing; a test compares it."""

SCENARIOS = {
    "demo": "a lively market in which both strategies find something to do",
    "s-zi": "the zero-intelligence book: nothing can be forecast for long",
    "s-wall-easy": "walls: spoofs live 20 s and are pulled 9 times of 10",
    "s-wall-hard-a": "walls: spoofs live as long as genuine ones",
    "s-wall-hard-b": "as s-wall-hard-a, and pulled 7 times of 10",
    "s-wall-pull-8": "s-wall-easy, pulled at 8 bps",
    "s-wall-pull-3": "s-wall-easy, pulled at 3 bps",
    "s-thin": "thin sides, seven of ten followed by a burst",
    "s-lag": "three venues, two follow; their lags change after an hour",
    "s-cascade": "liquidation cascades",
    "s-exhaustion": "drives that are absorbed in the end, and sweeps",
    "s-drift": "informed traders lean towards a known price",
    "s-regime": "what shows the known price changes every half hour: flow, depth, nothing",
    "s-faults": "two venues with gaps, duplicates, stamps out of order, crossed books and silence",
    "s-all": "every switch on and everything planted",
}
