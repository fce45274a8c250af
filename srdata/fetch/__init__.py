"""From the address of a file to a verified file on disk."""
