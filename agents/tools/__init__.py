"""The tools of a trajectory."""
