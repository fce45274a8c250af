"""`Loader`: from items, in files or kept in memory, to batches on the device."""
