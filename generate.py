"""Draw samples from a trained GAN.

python generate.py                                                   explains itself
python generate.py run=outputs/gan_conv/2026-...                     64 samples, as images and as arrays
python generate.py run=outputs/gan_conv/2026-... num_samples=1000 seed=3
"""

import sys

from dlhw import generate

if __name__ == "__main__":
    generate.main(sys.argv[1:])
