"""The names of the formats and what help texts say of them; needs no TensorFlow, which `formats` imports."""

import collections

# {name: title}, in the order of formats.FORMATS.
FORMATS = collections.OrderedDict([
    ('frozen', 'frozen GraphDef'),
    ('saved_model', 'SavedModel'),
    ('meta_graph', 'MetaGraph and checkpoint'),
    ('tflite', 'TensorFlow Lite (LiteRT): float32, float16, int8'),
    ('onnx', 'ONNX'),
    ('tfjs', 'TensorFlow.js graph model'),
    ('web', 'web page'),
])
