"""Sets made in parts, on any machine.

image_addresses  the address of an image file as text
plan_file        a plan as a file
planned_parts    a set planned, made in parts, declared finished
"""
