"""Option files of BasicSR, Real-ESRGAN, HAT, KAIR, traiNNer-redux and neosr: into recipes, and out of them.

commented_yaml       settings as YAML, with where each value came from
degradation_options  Real-ESRGAN's two degradations as options, into a chain
option_section       the options at one place of a file, checked, and which of them were taken
reading              from an option file to a recipe
trainers             what each trainer calls its options
writing              from a recipe or a set to the section on data of an option file
"""
