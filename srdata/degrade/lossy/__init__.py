"""What lossy image and video files do to pixels.

diffjpeg          JPEG in floats, as Real-ESRGAN and its kin train with
jpeg              JPEG on tensors, as libjpeg-turbo makes it
jpeg_chroma       its chroma, reduced and enlarged
jpeg_dct          its DCT, rounded as there
still_codecs      JPEG, WebP, AVIF and JPEG XL by the real codecs
video_codecs      H.264 and others through PyAV
"""
