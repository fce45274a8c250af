"""In which order items come, and which share of them a process takes.

epoch_sampler  `EpochSampler` for torch's DataLoader: its indices carry the epoch
orders         `Shuffled`, `Sequential`, `Weighted`, `Several`: functions of seed, epoch and position
ranks          the share of this process among those that train together
reader_share   the positions of an epoch that one of several readers takes
schedule       `Schedule`: settings that change while training goes on
"""
