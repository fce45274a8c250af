"""`Loader`: from items to batches on the device."""
