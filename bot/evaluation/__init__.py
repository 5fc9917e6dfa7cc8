"""What signals and detectors are worth, measured: metrics, intervals, leak tests (signals.md 10)."""
