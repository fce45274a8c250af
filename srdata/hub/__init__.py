"""Data sets in the forms of `datasets`: on the Hugging Face Hub, or in a folder of this machine."""
