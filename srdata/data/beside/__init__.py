"""What batches have of each image beside its pixels: texts, numbers, prompts, precomputed arrays.

beside_images     columns and arrays of a data set, by the number of the image
companion_arrays  arrays of a folder, whole or cropped with their images
prompt            `Prompt`: which text a batch has for each image, drawn by address
"""
