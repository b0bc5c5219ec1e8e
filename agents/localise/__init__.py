"""Where in a repository an issue points."""
