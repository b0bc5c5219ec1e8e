"""Makes `lending` importable when the tests run from the repository's root."""
