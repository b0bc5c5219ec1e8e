"""The Sandbox contract (contract.py) and its implementations."""
