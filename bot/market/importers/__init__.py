"""Files of recorded market data in, EVENT rows out."""
