"""Take the noise out of recordings of speech with a trained estimator of masks.

python denoise.py                                                                        explains itself
python denoise.py run=outputs/ibm_denoiser/2026-... input=noisy.wav output=clean.wav     one file
python denoise.py run=outputs/ibm_denoiser/2026-... input=recordings output=denoised     a folder
"""

import sys

from dlhw import denoise

if __name__ == "__main__":
    denoise.main(sys.argv[1:])
