"""What ops are made of: their contract, their settings, their draws.

by_setting     images that drew the same setting, together
composite      ops made of ops: one_of, maybe, shuffled, repeat
distributions  draws from ranges and odds
named_ops      classes of ops by their names, imported when they are asked for
op             the contract of an op
op_generators  a generator for every occurrence of every op
ranges         the types of settings: ranges, odds, kernel sizes
"""
