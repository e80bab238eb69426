"""The README of an export folder: what lies there, and how each format is loaded in five lines."""

# Each example ends with `images`, a NumPy array. The tests run every Python block as it
# stands in the README, in the export folder.
_FROZEN = '''## `frozen`: a GraphDef with its weights

In any TensorFlow since 1.0 (before 1.13: `import tensorflow as tf`):

```python
import numpy as np, tensorflow.compat.v1 as tf
z = {z}
with tf.Graph().as_default(), tf.Session() as session:
    tf.import_graph_def(tf.GraphDef.FromString(open('frozen/generator.pb', 'rb').read()), name='')
    images = session.run('{output}', {{'{input}': z}})
```

In TensorFlow 2 style:

```python
import numpy as np, tensorflow as tf
graph_def = tf.compat.v1.GraphDef.FromString(open('frozen/generator.pb', 'rb').read())
wrapped = tf.compat.v1.wrap_function(lambda: tf.import_graph_def(graph_def, name=''), [])
generate = wrapped.prune('{input}', '{output}')
images = generate(tf.constant({z}, tf.float32)).numpy()
```

From C: read the file into a `TF_Buffer`, `TF_GraphImportGraphDef`, then `TF_SessionRun` with the operation
`{input_op}`, index 0, as input and `{output_op}`, index 0, as output. From Java: `Graph.importGraphDef` of the file's
GraphDef, then `session.runner().feed("{input_op}", z).fetch("{output_op}").run()`.
'''

_SAVED_MODEL = '''## `saved_model`: for TensorFlow Serving, and all that loads SavedModels

Tag `serve`, signature `serving_default`: `{input_key}` -> `{output_key}`; to see it, `saved_model_cli show
--dir saved_model --all`. In TensorFlow 1 style, since 1.0:

```python
import numpy as np, tensorflow.compat.v1 as tf
z = {z}
with tf.Graph().as_default(), tf.Session() as session:
    tf.saved_model.loader.load(session, ['serve'], 'saved_model')
    images = session.run('{output}', {{'{input}': z}})
```

In TensorFlow 2:

```python
import numpy as np, tensorflow as tf
z = tf.constant({z}, tf.float32)
generate = tf.saved_model.load('saved_model').signatures['serving_default']
images = generate({input_key}=z)['{output_key}'].numpy()
```

From C: `TF_LoadSessionFromSavedModel` with the tag `serve`; from Java: `SavedModelBundle.load("saved_model",
"serve")`; then `TF_SessionRun` or `session().runner()` with `{input_op}` and `{output_op}`.
'''

_META_GRAPH = '''## `meta_graph`: the graph with variables, to train on or to change

```python
import numpy as np, tensorflow.compat.v1 as tf
with tf.Graph().as_default(), tf.Session() as session:
    saver = tf.train.import_meta_graph('meta_graph/model.meta')
    saver.restore(session, 'meta_graph/model')
    images = session.run('{output}', {{'{input}': {z}}})
```

`meta_graph/model` is also a checkpoint (V2) of the generator by itself, under the names of 2017's variables.
'''

_TFLITE = '''## `tflite`: phones and small devices

`generator.tflite` (float32), `-float16` (half the size), `-int8` (a quarter; integer products, float32 in and
out). With LiteRT (`pip install ai-edge-litert`); the batch is set by `resize_tensor_input`:

```python
import numpy as np; from ai_edge_litert.interpreter import Interpreter
z, model = {z}.astype('float32'), Interpreter('tflite/generator.tflite')
model.resize_tensor_input(model.get_input_details()[0]['index'], z.shape); model.allocate_tensors()
model.set_tensor(model.get_input_details()[0]['index'], z); model.invoke()
images = model.get_tensor(model.get_output_details()[0]['index'])
```
'''

_ONNX = '''## `onnx`: onnxruntime, and all that reads ONNX (opset {opset})

```python
import numpy as np, onnxruntime
session = onnxruntime.InferenceSession('onnx/generator.onnx')
z = {z}.astype('float32')
images, = session.run(['{output}'], {{'{input}': z}})
```
'''

_TFJS = '''## `tfjs`: a graph model for TensorFlow.js

```html
<script src="https://cdn.jsdelivr.net/npm/@tensorflow/tfjs@4.22.0/dist/tf.min.js"></script>
<script type="module">
  const model = await tf.loadGraphModel('tfjs/generator/model.json');
  const images = model.predict(tf.{js_noise}([16, {z_dim}]{js_range}));   // {shape}
  console.log(await images.data());
</script>
```
'''

_WEB = '''## `web`: a page that makes images in the visitor's browser

Open `web/index.html`, or put the folder on any web server.
TensorFlow.js comes from a CDN, or from a file `tf.min.js` beside `index.html` where there is one (it is
`package/dist/tf.min.js` in what `npm pack @tensorflow/tfjs@4.22.0` fetches), so that the page works without a network.
'''

_SECTIONS = {'frozen': _FROZEN, 'saved_model': _SAVED_MODEL, 'meta_graph': _META_GRAPH, 'tflite': _TFLITE,
             'onnx': _ONNX, 'tfjs': _TFJS, 'web': _WEB}


def _shape(shape):
    return '[{}]'.format(', '.join(['N'] + [str(size) for size in shape]))


def text(exported, written):
    """The README's text.

    Args:
      exported: the formats.Export.
      written: {format: list of (Artefact, error or None, runtime)}.
    """
    preset, network = exported.preset, exported.networks[0]
    uniform = preset.noise == 'uniform'
    values = {
        'opset': exported.opset, 'z_dim': preset.z_dim,
        'z': 'np.random.{}, (16, {}))'.format('uniform(-1, 1' if uniform else 'normal(0, 1', preset.z_dim),
        'input': network.input + ':0', 'output': network.output + ':0', 'input_op': network.input,
        'output_op': network.output, 'input_key': network.input_key, 'output_key': network.output_key,
        'js_noise': 'randomUniform' if uniform else 'randomNormal', 'js_range': ', -1, 1' if uniform else '',
        'shape': [16] + list(network.output_shape)}
    low, high = preset.image_range
    lines = [
        '# The generator of `{}`'.format(preset.name), '',
        '{}{}{}; exported by dcgan_tf1.'.format(
            preset.title[0].upper(), preset.title[1:],
            '' if exported.step is None else ', after {:,} steps'.format(exported.step)), '',
        'Noise `{}` [N, {}], {}, goes in; images `{}` {} come out, in [{:g}, {:g}]. Without dropout, batch norm on '
        'its moving averages.'.format(values['input'], preset.z_dim, 'uniform in [-1, 1)' if uniform else
                                  'normal with mean 0 and variance 1', values['output'],
                                  _shape(network.output_shape), low, high)]
    for other in exported.networks[1:]:
        lines += ['', 'Beside it lies the discriminator: images `{}:0` {} go in, `{}:0` [N, 1] come out; its batch '
                      'norm is on moving averages, too. Load it as the generator, with these names{}.'.format(
                          other.input, _shape(other.input_shape), other.output,
                          ' (in the SavedModel: the signature `discriminator`)' if 'saved_model' in written else '')]
    lines += ['', '`MANIFEST.json` has names, shapes, ranges, versions, the SHA-256 of every file, and how far each '
                  'format was from the session:', '', '| file | MB | largest error | loaded by |', '|---|---|---|---|']
    for name, artefacts in written.items():
        for artefact, error, runtime in artefacts:
            lines.append('| `{}/{}` | {:.2f} | {} | {} |'.format(
                name, artefact.path, artefact.bytes / 1e6, '' if error is None else '{:.1e}'.format(error), runtime))
    lines += ['', 'Of batches of 1 and 16. float16 and int8 are approximations by design.']
    for name in written:
        lines += ['', _SECTIONS[name].format(**values).rstrip()]
    return '\n'.join(lines) + '\n'
