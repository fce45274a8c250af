"""A prepared set as a whole: its images with their δ, whether it is what it says, its licences."""
