"""What several venues say about one symbol: consolidated depth, lead and lag, divergence."""
