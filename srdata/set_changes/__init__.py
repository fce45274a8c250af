"""Prepared sets changed, or made of others, without their source: annotated.

annotate_set  `annotate`: captions and other columns, added to a set
"""
