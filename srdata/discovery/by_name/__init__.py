"""Pairs by the names of folders and images, which are claims, and by their sizes, which decide.

companions     smaller companions of images in one folder
group_links    which LR group faces which HR group
image_groups   images that stand together
image_sizes    sizes by headers, and the scale that they have
name_marks     what the name of a folder or image says
parts_by_name  the parts that follow
refusals       what is said where pairs are not clear
"""
