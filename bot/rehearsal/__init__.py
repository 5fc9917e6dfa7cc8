"""The rehearsal exchange: a Binance USDⓈ-M-compatible venue on loopback over the matching kernel."""
