"""What TensorBoard shows of a run: event files of scalars, samples and the graph."""

import contextlib
import os
import re
import time

import tensorflow.compat.v1 as tf

from dcgan_tf1.util import images
from dcgan_tf1.util.files import cannot_write, writing


class EventWriter:
    """Writes one event file, a TFRecord file of `tf.Event` messages.

    `tf.summary.FileWriter` would write it in a thread of its own, where a full disk ends in a traceback. After
    a new file begins at `step`, TensorBoard forgets what an earlier one had after that.
    """

    def __init__(self, folder, graph, step):
        with writing(folder):
            os.makedirs(folder, exist_ok=True)
        # TensorBoard reads the files in the order of their names. This one is the last, whatever the clock says.
        earlier = [int(match.group(1)) for match in map(re.compile(r'events\.out\.tfevents\.(\d{10})\.').match,
                                                        os.listdir(folder)) if match]
        seconds = max([int(time.time())] + [each + 1 for each in earlier])
        self._path = os.path.join(folder, 'events.out.tfevents.{:010d}.{:06d}'.format(seconds, step))
        with self._writing():
            self._file = tf.io.TFRecordWriter(self._path)
        self._write(file_version='brain.Event:2')
        self._write(graph_def=graph.as_graph_def(add_shapes=True).SerializeToString())
        self._write(step + 1, session_log=tf.SessionLog(status=tf.SessionLog.START))

    def add(self, step, scalars, picture):
        """Scalars by name, and the samples as one picture, uint8 [H, W, C], or None."""
        summary = tf.Summary()
        for name, value in scalars.items():
            summary.value.add(tag=name, simple_value=value)
        if picture is not None:
            image = summary.value.add(tag='samples').image
            image.height, image.width, image.colorspace = picture.shape
            image.encoded_image_string = images.png_bytes(picture)
        self._write(step, summary=summary)

    def close(self):
        self._file.close()

    def _write(self, step=0, **content):
        with self._writing():
            self._file.write(tf.Event(wall_time=time.time(), step=step, **content).SerializeToString())
            self._file.flush()

    @contextlib.contextmanager
    def _writing(self):
        try:
            yield
        except (tf.errors.OpError, RuntimeError, OSError) as error:
            raise cannot_write(self._path, error)
