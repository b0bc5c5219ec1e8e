"""The judge: a language model that tells finalists apart when tests could not.

    questions -> tests -> comparisons

It is asked which result of a call is right, then for tests that show a difference, then for its opinion of two patches
at a time. Each is asked in both orders, since models prefer what stands first.
"""

from agents.judge.judge import Judge

__all__ = ["Judge"]
