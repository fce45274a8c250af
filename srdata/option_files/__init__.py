"""Option files of BasicSR, Real-ESRGAN, HAT, KAIR, traiNNer-redux and neosr: into recipes, and out of them.

chain_options        from a chain of Real-ESRGAN's two degradations back to options
commented_yaml       settings as YAML, with where each value came from
degradation_options  Real-ESRGAN's two degradations as options, into a chain
file_forms           from YAML, TOML, or JSON with comments to values, safely
folder_options       from the options on folders to where a recipe reads images
from_options         the recipe that an option file describes
option_section       the options at one place of a file, checked, and which of them were taken
pairs_of_source      where the images of a set or of a recipe lie for a trainer to read
to_options           the section on data of an option file, for a recipe or a prepared set
toml_text            options as TOML
trainers             what each trainer calls its options
training_data        from the options on training data to the settings of a recipe
validation_data      from the options on validation sets to the evaluation of a recipe
wanted               what an option file is written for
written_sets         the type of a data set of a trainer, its places and degradations
written_use          its crops, turns, ranges and batches
"""
