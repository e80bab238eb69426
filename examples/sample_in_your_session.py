"""Samples in a graph and session of your own: python sample_in_your_session.py RUN_FOLDER OUT.png

The graph has a variable of its own beside the generator's, as yours may have: restoring leaves it alone.
"""

import sys

import tensorflow.compat.v1 as tf

import dcgan_tf1 as dcgan


def main(run, out):
    preset = dcgan.preset_of(run)
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(0)  # of the dropout masks: some presets keep dropout on when they sample
        drawn = tf.get_variable('images_drawn', [], tf.int32, tf.zeros_initializer(), trainable=False)
        z = tf.placeholder(tf.float32, [None, preset.z_dim])
        with tf.variable_scope('painter'):
            labels = None if preset.classes is None else tf.range(tf.shape(z)[0]) % preset.classes  # all in turn
            images = dcgan.generator(preset, z, training=False, labels=labels)
        with tf.control_dependencies([tf.assign_add(drawn, tf.shape(images)[0])]):
            images = tf.identity(images)
        session.run(drawn.initializer)
        checkpoint = dcgan.restore(session, preset, run)
        for seed in range(4):
            x = session.run(images, {z: dcgan.sample_noise(preset, 16, seed)})
        dcgan.save_grid(out, dcgan.to_uint8(x, preset.image_range))
        print('{}: the last 16 of {} images of {}'.format(out, session.run(drawn), checkpoint))


if __name__ == '__main__':
    if len(sys.argv) != 3:
        sys.exit(__doc__.splitlines()[0])
    try:
        main(*sys.argv[1:])
    except dcgan.UserError as error:  # of one line, as all errors of the package are
        sys.exit('error: {}'.format(error))
