"""The 2017 TensorFlow-1 graph-mode DCGAN, on every TensorFlow from 1.15 to 2.21."""

import os
import warnings

__version__ = '0.1.0'

# Both must be set before TensorFlow is imported. Its C++ start-up messages (one of them a
# false alarm on every machine without CUDA) would bury our log; set the variable to 0 to
# see them.
os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
# TensorFlow 1.15 on Python 3.7 warns six times about its own use of NumPy.
warnings.filterwarnings('ignore', category=FutureWarning, module='tensor(flow|board)')
