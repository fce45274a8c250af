"""What is told and checked before any image is made.

disk_need       the bytes that a preparation needs, and whether they are free
given_settings  what a call sets in place of the settings of a recipe
item_sizes      how large images are, by their headers
plan            what a preparation would do
"""
