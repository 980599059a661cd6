"""Sound: reading it, the short-time Fourier transform and back, mixing speech with noise. Knows nothing of training."""

SUFFIXES = (".wav", ".flac")  # of the files that are read and written
