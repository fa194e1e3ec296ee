"""A request log sent through Costward, and what came of it: hits, wrong hits, money and time."""
