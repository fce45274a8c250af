"""From an option file to a recipe.

data_set_kinds    what a type of data set is: how LR is made, and crops are taken
file_forms        from YAML, TOML, or JSON with comments to values, safely
folder_options    from the options on folders to where a recipe reads images
training_data     from the options on training data to the settings of a recipe
from_options     the recipe that an option file describes
training_options  what an option file says of the data that a network is trained on
validation_data   from the options on validation sets to the evaluation of a recipe
"""
