"""Prepared sets changed, or made of others, without their source: annotated, joined, split.

annotate_set  `annotate`: captions and other columns, added to a set
join_sets     `join`: one set of several
new_places    where such a set comes to be: a folder or an address
new_sets      a set that is made of the shards of others
split_set     `split`: a set of some images of another
"""

from srdata.set_changes.join_sets import join
from srdata.set_changes.split_set import split

__all__ = ["join", "split"]
