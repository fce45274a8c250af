"""Training on one image: zero-shot pairs, deep image prior.

deep_prior       `DeepPrior`: a network learns one image through its downscaling
endless          batches without end, each a function of the seed and of its number
zero_shot        `ZeroShot`: pairs out of the image that is to be enlarged
zero_shot_crops  the crops that become HR: as the image is, turned or transformed
"""
