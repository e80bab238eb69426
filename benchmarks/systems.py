#!/usr/bin/env python3
"""The systems of the sources, as reproduce_all.sh trains each to its end: flags, hours, and what the sources said.

    .venv/bin/python benchmarks/systems.py      # a line for each run, the shortest first: name, hours, preset, flags
"""

import collections

System = collections.namedtuple('System', [
    'name',        # of its rows and, with a seed, of its runs: see name_of()
    'preset',
    'flags',       # beside --preset, --seed and --eval_every
    'seeds',
    'eval_every',  # steps between measurements while training
    'hours',       # on two cores, with the evaluation, of one run
    'said',        # what the source said of its own, for people
])

_MIYATO = '[Miyato et al.](https://arxiv.org/abs/1802.05957)'
_PROJECTION = '[Miyato and Koyama](https://arxiv.org/abs/1802.05637)'
_BLAMED = ('A baseline that the source of `keras_dense` names: it finds the pictures of autoencoders unconvincing and '
           'blames pixelwise squared error.')

SYSTEMS = (
    System('blog_mnist', 'blog_mnist', (), 3, 430, 0.4,
           'The notebook recorded 42 rows of losses (below). Its digits can be read from about its row 12 on.'),
    System('blog_mnist-float32', 'blog_mnist', ('--precision=float32',), 1, 430, 0.8,
           'The same in the precision that 2017 computed in.'),
    System('blog_cifar_horse', 'blog_cifar_horse', (), 3, 385, 0.4,
           'The notebook recorded 38 rows of losses (below).'),
    System('blog_dense', 'blog_dense', (), 1, 8590, 0.4,
           'The DCGAN converges visibly faster and makes clearer digits, says the author of both.'),
    System('tf_tutorial', 'tf_tutorial', (), 1, 1175, 1.5,
           'Shows a grid of 16 digits after each of 50 epochs.'),
    System('tf_tutorial_101', 'tf_tutorial_101', (), 1, 2350, 3,
           'Transposed convolutions leave a checkerboard, and the network cannot be deepened in a natural way; a '
           'ResNet would be better, at a higher price.'),
    System('keras_dense', 'keras_dense', (), 1, 1000, 0.1,
           'Shown beside autoencoders, whose pictures it finds unconvincing; four fakes every 1,000 steps.'),
    System('cntk', 'cntk', (), 1, 500, 0.6, 'Its fast mode: 5,000 steps; losses 25 times in a run.'),
    System('cntk-slow', 'cntk', ('--mode=slow',), 1, 1000, 1.2, 'Its slow mode: 10,000 steps.'),
    System('resnet_mnist-small', 'resnet_mnist', ('--mode=small',), 1, 800, 1,
           _MIYATO + ' took 50,000 steps at four times the width. According to the source of `tf_tutorial_101`, a '
           'ResNet is better and has no checkerboard.'),
    System('resnet_cifar_horse-small', 'resnet_cifar_horse', ('--mode=small',), 1, 800, 1,
           'The same on the horses.'),
    System('sngan_mnist', 'sngan_mnist', (), 3, 430, 0.4,
           'Spectral normalisation and the hinge loss ({}) on the layers of `blog_mnist`, in 4x4.'.format(_MIYATO)),
    System('sngan_cifar_horse', 'sngan_cifar_horse', (), 3, 385, 0.4, 'The same on the horses.'),
    System('cgan_mnist', 'cgan_mnist', (), 3, 859, 0.7,
           'Labels by projection ({}) on the layers of `blog_mnist`, in 4x4.'.format(_PROJECTION)),
    System('cgan_fashion_mnist', 'cgan_fashion_mnist', (), 1, 859, 0.7, 'The same on clothes.'),
    System('cgan_cifar10', 'cgan_cifar10', (), 1, 3905, 3.5, 'The same on all ten classes of CIFAR-10.'),
    System('dcgan', 'dcgan', ('--dataset=cifar10',), 1, 1562, 3,
           '[carpedm20](https://github.com/carpedm20/DCGAN-tensorflow): 25 epochs of faces, 64 every 200 steps. Here '
           'all of CIFAR-10 in its own size.'),
    System('conditional_mnist', 'conditional_mnist', (), 1, 2186, 2,
           '[carpedm20](https://github.com/carpedm20/DCGAN-tensorflow): 25 epochs, 64 digits every 200 steps.'),
    System('autoencoder', 'autoencoder', (), 1, 936, 0.1, _BLAMED),
    System('vae', 'vae', (), 1, 936, 0.15, _BLAMED),
)

BY_NAME = collections.OrderedDict((system.name, system) for system in SYSTEMS)


def name_of(preset, mode=None, precision=None):
    """A system's name: its preset, with a mode that changes something and a precision that was asked for."""
    return '-'.join(filter(None, (preset, mode, precision)))


def runs():
    """(the name of a run, its System, all of train's flags) of each, the shortest first."""
    for system in sorted(SYSTEMS, key=lambda each: each.hours):
        for seed in range(system.seeds):
            yield '{}-{}'.format(system.name, seed), system, (
                '--preset=' + system.preset, '--seed={}'.format(seed)) + system.flags


def main():
    for name, system, flags in runs():
        print('\t'.join([name, '{:g}'.format(system.hours), system.preset, '--eval_every={}'.format(
            system.eval_every), ' '.join(flags)]))


if __name__ == '__main__':
    main()
