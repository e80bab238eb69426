"""The README of an export folder: what lies there, and how each format is loaded in a few lines."""

from dcgan_tf1.exporting.formats import class_weights
from dcgan_tf1.gan.catalogue import NOISES
from dcgan_tf1.util.errors import one_line

# Each example ends with `images`, a NumPy array. The tests run every Python block as it
# stands in the README, in the export folder.
_FROZEN = '''## `frozen`: a GraphDef with its weights

In any TensorFlow since 1.0 (before 1.13: `import tensorflow as tf`):

```python
import numpy as np, tensorflow.compat.v1 as tf
{draw}
with tf.Graph().as_default(), tf.Session() as session:
    tf.import_graph_def(tf.GraphDef.FromString(open('frozen/generator.pb', 'rb').read()), name='')
    images = session.run('{output}', {{{feed}}})
```

In TensorFlow 2 style:

```python
import numpy as np, tensorflow as tf
graph_def = tf.compat.v1.GraphDef.FromString(open('frozen/generator.pb', 'rb').read())
wrapped = tf.compat.v1.wrap_function(lambda: tf.import_graph_def(graph_def, name=''), [])
generate = wrapped.prune({inputs}, '{output}')
images = generate({constants}).numpy()
```

From C: read the file into a `TF_Buffer`, `TF_GraphImportGraphDef`, then `TF_SessionRun` with the
{operations} and `{output_op}` as output, index 0 of each. From Java: `Graph.importGraphDef` of the file's
GraphDef, then `session.runner(){java_feeds}.fetch("{output_op}").run()`.
'''

_SAVED_MODEL = '''## `saved_model`: for TensorFlow Serving, and all that loads SavedModels

Tag `serve`, signature `serving_default`: {input_keys} -> `{output_key}`; to see it, `saved_model_cli show
--dir saved_model --all`. In TensorFlow 1 style, since 1.0:

```python
import numpy as np, tensorflow.compat.v1 as tf
{draw}
with tf.Graph().as_default(), tf.Session() as session:
    tf.saved_model.loader.load(session, ['serve'], 'saved_model')
    images = session.run('{output}', {{{feed}}})
```

In TensorFlow 2:

```python
import numpy as np, tensorflow as tf
{draw_constants}
generate = tf.saved_model.load('saved_model').signatures['serving_default']
images = generate({arguments})['{output_key}'].numpy()
```

From C: `TF_LoadSessionFromSavedModel` with the tag `serve`; from Java: `SavedModelBundle.load("saved_model",
"serve")`; then `TF_SessionRun` or `session().runner()` with {input_ops} and `{output_op}`.
'''

_META_GRAPH = '''## `meta_graph`: the graph with variables, to change or to fine-tune

```python
import numpy as np, tensorflow.compat.v1 as tf
with tf.Graph().as_default(), tf.Session() as session:
    saver = tf.train.import_meta_graph('meta_graph/model.meta')
    saver.restore(session, 'meta_graph/model')
    images = session.run('{output}', {{{feed_drawn}}})
```

Dropout is off in it, and batch norm stays on its moving averages. `meta_graph/model` is also a checkpoint (V2) of just
the exported variables, under the names that they have in training.
'''

_TFLITE = '''## `tflite`: phones and small devices

`generator.tflite` (float32), `-float16` (half the size), `-int8` (a quarter; integer products, float32 in and
out). With LiteRT (`pip install ai-edge-litert`); the batch is set by `resize_tensor_input`:

```python
import numpy as np; from ai_edge_litert.interpreter import Interpreter
{tflite}
images = model.get_tensor(model.get_output_details()[0]['index'])
```
'''

_ONNX = '''## `onnx`: onnxruntime, and all that reads ONNX (opset {opset})

```python
import numpy as np, onnxruntime
session = onnxruntime.InferenceSession('onnx/generator.onnx')
{draw_typed}
images, = session.run(['{output}'], {{{feed}}})
```
{variants}'''

_VARIANT = '''
`{path}` is the same with the output `{name}`, {dtype} {shape}{of}.
'''
_FIDELITY_FOLDER = '''
[torch-fidelity](https://github.com/toshas/torch-fidelity) feeds no labels to it; it reads the files that
`dcgan-sample --outdir` writes.
'''
_FIDELITY_COMMAND = '''
[torch-fidelity](https://github.com/toshas/torch-fidelity) measures it against a folder of pictures:

```
fidelity --fid --input1 {path} --input1-model-z-type {z_type} --input1-model-z-size {z_dim} \\
  --input1-model-num-samples 10000 --input2 pictures
```
'''
_FIDELITY_CLASS = '''
[torch-fidelity](https://github.com/toshas/torch-fidelity), which draws no noise in [-1, 1) itself, measures it against
a folder of pictures:

```python
import torch_fidelity; from torch_fidelity.generative_model_onnx import GenerativeModelONNX
class Generator(GenerativeModelONNX):
    def forward(self, z): return super().forward(2 * z - 1)
generator = Generator('{path}', {z_dim}, 'uniform_0_1', 0)
metrics = torch_fidelity.calculate_metrics(
    input1=generator, input1_model_num_samples=10000, input2='pictures', fid=True)
```
'''

_TFJS = '''## `tfjs`: a graph model for TensorFlow.js

For a page in this folder that a server serves (`python3 -m http.server`); opened from the disk, it can't read files.

```html
<script src="https://cdn.jsdelivr.net/npm/@tensorflow/tfjs@4.22.0/dist/tf.min.js"></script>
<script type="module">
  const model = await tf.loadGraphModel('tfjs/generator/model.json');
  const images = model.predict({js_inputs});   // {shape}
  console.log(await images.data());
</script>
```
'''

_WEB = '''## `web`: a page that makes images in the visitor's browser{web}

Open `web/index.html`, or put the folder on any web server.
TensorFlow.js comes from a CDN, or from a file `tf.min.js` beside `index.html` where there is one (it is
`package/dist/tf.min.js` in what `npm pack @tensorflow/tfjs@4.22.0` fetches), so that the page works without a network.
'''

_SECTIONS = {'frozen': _FROZEN, 'saved_model': _SAVED_MODEL, 'meta_graph': _META_GRAPH, 'tflite': _TFLITE,
             'onnx': _ONNX, 'tfjs': _TFJS, 'web': _WEB}


def _shape(shape):
    return '[{}]'.format(', '.join(['N'] + [str(size) for size in shape]))


# Of TensorFlow Lite: one input, and several, which are told apart by their names.
_TFLITE_NOISE = '''z, model = {z}.astype('float32'), Interpreter('tflite/generator.tflite')
model.resize_tensor_input(model.get_input_details()[0]['index'], z.shape); model.allocate_tensors()
model.set_tensor(model.get_input_details()[0]['index'], z); model.invoke()'''
_TFLITE_LABELS = '''{draw_typed}
model, values = Interpreter('tflite/generator.tflite'), {{{feed}}}
for given in model.get_input_details(): model.resize_tensor_input(given['index'], values[given['name']].shape)
model.allocate_tensors()
for given in model.get_input_details(): model.set_tensor(given['index'], values[given['name']])
model.invoke()'''


def _variants(exported):
    """What the section of ONNX says of its variants."""
    texts, preset = [], exported.preset
    for network in exported.variants:
        as_bytes = network.output_key == 'bytes'
        values = {'path': 'onnx/{}.onnx'.format(network.name), 'name': network.output + ':0',
                  'dtype': 'uint8' if as_bytes else 'float32', 'shape': _shape(network.output_shape),
                  'of': ' from 0 to 255' if as_bytes else '', 'z_dim': preset.z_dim,
                  'z_type': {'normal': 'normal', 'uniform01': 'uniform_0_1'}.get(preset.noise)}
        texts.append(_VARIANT.format(**values))
        if as_bytes and network.output_shape[0] == 3:
            texts.append((_FIDELITY_FOLDER if exported.classes is not None else
                          _FIDELITY_COMMAND if values['z_type'] else _FIDELITY_CLASS).format(**values))
    return ''.join(texts)


def _values(exported):
    """What the sections have in their braces."""
    preset, network = exported.preset, exported.networks[0]
    conditional = exported.classes is not None
    numpy_call, js_call, js_range = {
        'uniform': ('uniform(-1, 1', 'randomUniform', ', -1, 1'), 'normal': ('normal(0, 1', 'randomNormal', ''),
        'uniform01': ('uniform(0, 1', 'randomUniform', ', 0, 1')}[preset.noise]
    variables, count = ('z', 'labels')[:len(network.inputs)], preset.classes
    drawn = ['np.random.{}, (16, {}))'.format(numpy_call, preset.z_dim),
             'np.resize(np.arange({}), 16)'.format(count)][:len(network.inputs)]
    tensors, operations = [each.name + ':0' for each in network.inputs], [each.name for each in network.inputs]
    keys, dtypes = [each.key for each in network.inputs], [each.dtype for each in network.inputs]

    def each(pattern, *columns, separator=', '):
        return separator.join(pattern.format(*row) for row in zip(*columns))

    left = ', '.join(variables) + ' = '
    values = {
        'opset': exported.opset, 'variants': _variants(exported),
        'z': drawn[0], 'output': network.output + ':0', 'output_op': network.output,
        'output_key': network.output_key, 'shape': [16] + list(network.output_shape),
        'draw': left + ', '.join(drawn), 'draw_typed': left + each("{}.astype('{}')", drawn, dtypes),
        'draw_constants': left + each('tf.constant({}, tf.{})', drawn, dtypes),
        'constants': each('tf.constant({}, tf.{})', drawn, dtypes, separator=',\n' + ' ' * 18),
        'feed': each("'{}': {}", tensors, variables),
        'feed_drawn': each("'{}': {}", tensors, drawn, separator=',\n' + ' ' * 38),
        'inputs': tensors if conditional else repr(tensors[0]), 'arguments': each('{}={}', keys, variables),
        'input_keys': each('`{}`', keys), 'input_ops': each('`{}`', operations),
        'java_feeds': each('.feed("{}", {})', operations, variables, separator=''),
        'operations': 'operation `{}` as input'.format(*operations),
        'js_inputs': 'tf.{}([16, {}]{})'.format(js_call, preset.z_dim, js_range),
        'web': ', of the class that one asks for' if conditional else ''}
    if conditional:
        values['operations'] = 'operations `{}` and `{}` (int32) as inputs'.format(*operations)
        values['js_inputs'] = '{{ {}: {},\n    {}: tf.tensor1d([...Array(16).keys()].map((i) => i % {}), ' \
                              "'int32') }}".format(keys[0], values['js_inputs'], keys[1], count)
    values['tflite'] = (_TFLITE_LABELS if conditional else _TFLITE_NOISE).format(**dict(
        values, feed=each("'{}': {}", operations, variables)))
    return values


def _labels(exported):
    """What the labels are, and what may be fed in their place: lines."""
    classes, network = exported.classes, exported.networks[0]
    named = classes != [str(number) for number in range(len(classes))]
    return ['', 'The labels `{}:0` [N] are int32, from 0 to {}{}. In a session of TensorFlow, weights of the classes, '
                'float32 [N, {}], may be fed as `{}:0` in their place.'.format(
                    network.inputs[1].name, len(classes) - 1,
                    ': ' + ', '.join('{} `{}`'.format(*each) for each in enumerate(
                        one_line(name).replace('`', "'") for name in classes)) if named else '',
                    len(classes), class_weights(network)),
            'A label outside of this range gives an image of no class without an error, except that TensorFlow Lite '
            'and onnxruntime on the CPU raise one; onnxruntime counts negative labels from the end (-1 is the last '
            'class), and other runtimes of ONNX may give an image of another class.']


def text(exported, written, batches):
    """The README's text.

    Args:
      exported: the formats.Export.
      written: {format: list of (Artefact, error or None, runtime)}.
      batches: the sizes of those that the errors were measured on.
    """
    preset, network, values = exported.preset, exported.networks[0], _values(exported)
    low, high = preset.image_range
    conditional, title = exported.classes is not None, preset.heading
    lines = [
        '# The generator of `{}`'.format(preset.name), '',
        '{}{}{}; exported by dcgan_tf1.'.format(
            title[0].upper(), title[1:],
            '' if exported.step is None else ', after {:,} steps'.format(exported.step)), '',
        'Noise `{}:0` [N, {}], {}, {}; images `{}` {} come out, in [{:g}, {:g}]. Without dropout, batch norm on '
        'its moving averages{}.'.format(
            network.inputs[0].name, preset.z_dim, NOISES[preset.noise],
            'and labels go in' if conditional else 'goes in', values['output'], _shape(network.output_shape), low,
            high, ('' if preset.temperature == 1 else ', at a temperature of {:g}'.format(preset.temperature))
            + ('' if preset.ema_decay is None else '; its weights are averages over the training'))]
    lines += _labels(exported) if conditional else []
    for other in exported.networks[1:]:
        lines += ['', 'Beside it lies the discriminator: images `{}:0` {}{} go in, `{}:0` [N, 1] come out; its batch '
                      'norm is on moving averages, too. Load it like the generator, with these names{}.'.format(
                          other.inputs[0].name, _shape(other.inputs[0].shape),
                          ' and the labels' if conditional else '', other.output,
                          ' (in the SavedModel: the signature `discriminator`)' if 'saved_model' in written else '')]
    lines += ['', '`MANIFEST.json` has names, shapes, ranges, versions, the SHA-256 of every file, and how far each '
                  'format was from the session:', '', '| file | MB | largest error | loaded by |', '|---|---|---|---|']
    for name, artefacts in written.items():
        for artefact, error, runtime in artefacts:
            lines.append('| `{}/{}` | {:.2f} | {} | {} |'.format(
                name, artefact.path, artefact.bytes / 1e6, '' if error is None else '{:.1e}'.format(error), runtime))
    lines += ['', 'Errors are of batches of {}. float16 and int8 are approximations by design.'.format(
        ' and '.join(map(str, batches)))]
    for name in written:
        lines += ['', _SECTIONS[name].format(**values).rstrip()]
    return '\n'.join(lines) + '\n'
