"""Floor 0: the domain's words. Imports nothing of ours."""
