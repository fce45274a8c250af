"""What is told and checked before any image is made.

disk_need  the bytes that a preparation needs, and whether they are free
plan       what a preparation would do
"""
