"""Operating a running bot: one view of it, one way to command it, for every face."""
