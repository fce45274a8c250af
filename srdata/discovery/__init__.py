"""What images and pairs there are in a folder or file that somebody else made."""
