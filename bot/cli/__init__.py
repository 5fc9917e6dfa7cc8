"""Floor 7: the command line. Commands import what they need when they run, so that help is quick."""
