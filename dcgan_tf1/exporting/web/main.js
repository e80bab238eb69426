// Makes images from the generator that lies beside this page, in the visitor's browser. All that
// the page needs comes as scripts: nothing else can be read where it is opened from a disk.

'use strict';

const TFJS = {
  beside: 'tf.min.js', // a copy of the file below, for pages without a network
  cdn: 'https://cdn.jsdelivr.net/npm/@tensorflow/tfjs@4.22.0/dist/tf.min.js',
  integrity: 'sha384-vE8hbVJ4lezako5rlvE7bY0BVzWlFhZncPlckrqNwcUQpVtgbENTgZ8TBbnPjZre',
};
const SAMPLES = 16;
const COLUMNS = 4;
const SLIDER_REACH = 3; // standard deviations of the noise, to either side

const element = (id) => document.getElementById(id);

function loadScript(attributes) {
  return new Promise((resolve, reject) => {
    const script = Object.assign(document.createElement('script'), attributes);
    script.onload = resolve;
    script.onerror = () => reject(new Error(`${script.src} could not be loaded`));
    document.head.append(script);
  });
}

async function loadTensorFlow() {
  try {
    await loadScript({ src: TFJS.beside });
  } catch {
    try {
      await loadScript({ src: TFJS.cdn, integrity: TFJS.integrity, crossOrigin: 'anonymous' });
    } catch {
      throw new Error(
        `TensorFlow.js could not be loaded from ${TFJS.cdn}; without a network, put that file beside the page`,
      );
    }
  }
  await tf.ready();
}

// What one of the scripts beside this page holds.
async function read(name) {
  await loadScript({ src: name });
  return window.dcganFiles[name];
}

function bytes(base64) {
  const text = atob(base64);
  const found = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i += 1) found[i] = text.charCodeAt(i);
  return found;
}

async function loadModel() {
  const { modelTopology, weightsManifest: [{ paths, weights }] } = await read('model.js');
  const parts = (await Promise.all(paths.map(read))).map(bytes);
  paths.forEach((path) => { delete window.dcganFiles[path]; });
  const weightData = await new Blob(parts).arrayBuffer();
  return tf.loadGraphModel({ load: async () => ({ modelTopology, weightSpecs: weights, weightData }) });
}

// ------------------------------------------------------------------------------ the noise

function drawNoise(page) {
  const z = new Float32Array(page.z_dim);
  for (let i = 0; i < z.length; i += 1) {
    z[i] = page.noise === 'uniform'
      ? 2 * Math.random() - 1
      // Box and Muller; 1 - random() is never 0.
      : Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
  }
  return z;
}

// On the way from a to b: straight for uniform noise, which stays within its cube, and along
// a circle for normal noise, which stays normal.
function between(page, a, b, way) {
  const angle = way * Math.PI / 2;
  const [away, there] = page.noise === 'uniform' ? [1 - way, way] : [Math.cos(angle), Math.sin(angle)];
  return a.map((value, i) => away * value + there * b[i]);
}

function moved(page, z, amounts) {
  const deviation = page.noise === 'uniform' ? 1 / Math.sqrt(3) : 1;
  return z.map((value, i) => value + amounts.reduce(
    (sum, amount, d) => sum + amount * deviation * page.directions[d][i], 0));
}

// ----------------------------------------------------------------------------- the images

// An image's values in the generator's range -> RGBA bytes.
function toPixels(page, values) {
  const [height, width, channels] = page.image_shape;
  const [low, high] = page.image_range;
  const pixels = new Uint8ClampedArray(height * width * 4);
  for (let i = 0; i < height * width; i += 1) {
    for (let c = 0; c < 3; c += 1) {
      pixels[4 * i + c] = Math.round((values[i * channels + Math.min(c, channels - 1)] - low) * 255 / (high - low));
    }
    pixels[4 * i + 3] = 255;
  }
  return new ImageData(pixels, width, height);
}

function draw(canvas, image) {
  canvas.width = image.width;
  canvas.height = image.height;
  canvas.getContext('2d').putImageData(image, 0, 0);
}

function download(canvas, name) {
  canvas.toBlob((blob) => {
    const link = Object.assign(document.createElement('a'), { href: URL.createObjectURL(blob), download: name });
    link.click();
    URL.revokeObjectURL(link.href);
  }, 'image/png');
}

// A picture of several images, `columns` in a row, each pixel `scale` times as large.
function sheet(images, columns, scale) {
  const { width, height } = images[0];
  const canvas = document.createElement('canvas');
  canvas.width = width * columns * scale;
  canvas.height = height * Math.ceil(images.length / columns) * scale;
  const context = canvas.getContext('2d');
  context.imageSmoothingEnabled = false;
  const cell = document.createElement('canvas');
  images.forEach((image, i) => {
    draw(cell, image);
    context.drawImage(cell, (i % columns) * width * scale, Math.floor(i / columns) * height * scale,
      width * scale, height * scale);
  });
  return canvas;
}

// -------------------------------------------------------------------------------- the page

async function start() {
  const page = await read('page.js');
  const about = `${page.title[0].toUpperCase()}${page.title.slice(1)}`;
  element('title').textContent = about;
  document.title = about;
  await loadTensorFlow();
  const model = await loadModel();
  const size = page.image_shape.reduce((a, b) => a * b, 1);

  // Noise vectors -> the images' values, one after the other.
  async function generate(zs) {
    const flat = new Float32Array(zs.length * page.z_dim);
    zs.forEach((z, i) => flat.set(z, i * page.z_dim));
    const output = tf.tidy(() => model.execute(
      { [page.input.split(':')[0]]: tf.tensor2d(flat, [zs.length, page.z_dim]) }, page.output));
    const values = await output.data();
    output.dispose();
    return zs.map((_, i) => values.subarray(i * size, (i + 1) * size));
  }

  const images = async (zs) => (await generate(zs)).map((values) => toPixels(page, values));

  const state = { zs: [], images: [], chosen: 0, start: null, end: null, playing: false };

  async function showSamples(zs) {
    const begun = performance.now();
    state.images = await images(zs);
    const took = performance.now() - begun;
    state.zs = zs;
    state.images.forEach((image, i) => draw(element('grid').children[i].firstChild, image));
    const backend = { webgl: 'WebGL', cpu: 'CPU' }[tf.getBackend()] || tf.getBackend();
    element('status').textContent =
      `${zs.length} images in ${took.toFixed(0)} ms, ${(took / zs.length).toFixed(1)} ms an image, on ${backend}.`;
    await choose(state.chosen);
  }

  const amounts = () => [...element('sliders').querySelectorAll('input')].map((input) => Number(input.value));

  // Slider moves come faster than images may: only the newest request is drawn.
  function newest(work) {
    let running = false;
    let again = false;
    return async () => {
      again = true;
      if (running) return;
      running = true;
      while (again) {
        again = false;
        await work();
      }
      running = false;
    };
  }

  const showVaried = newest(async () => {
    const [image] = await images([moved(page, state.zs[state.chosen], amounts())]);
    draw(element('varied'), image);
  });

  const showWalk = newest(async () => {
    const way = Number(element('position').value) / 100;
    element('position-value').textContent = `${Math.round(100 * way)} %`;
    const [image] = await images([between(page, state.start.z, state.end.z, way)]);
    draw(element('walk'), image);
  });

  async function choose(index) {
    state.chosen = index;
    [...element('grid').children].forEach((button, i) => button.setAttribute('aria-pressed', String(i === index)));
    await showVaried();
  }

  async function setEnd(name, index) {
    state[name] = { z: state.zs[index] };
    draw(element(name), state.images[index]);
    if (state.start && state.end) await showWalk();
  }

  for (let i = 0; i < SAMPLES; i += 1) {
    const button = Object.assign(document.createElement('button'), { type: 'button' });
    button.setAttribute('aria-label', `Sample ${i + 1}`);
    button.append(document.createElement('canvas'));
    button.addEventListener('click', () => choose(i));
    element('grid').append(button);
  }
  page.directions.forEach((_, d) => {
    const input = Object.assign(document.createElement('input'), {
      type: 'range', id: `direction-${d + 1}`, min: -SLIDER_REACH, max: SLIDER_REACH, step: 0.1, value: 0 });
    const label = Object.assign(document.createElement('label'), { htmlFor: input.id });
    const value = Object.assign(document.createElement('output'), { textContent: '0' });
    label.append(`Direction ${d + 1} `, value);
    input.addEventListener('input', () => {
      value.textContent = input.value;
      showVaried();
    });
    element('sliders').append(label, input);
  });

  element('new').addEventListener('click', () => showSamples(
    Array.from({ length: SAMPLES }, () => drawNoise(page))));
  element('reset').addEventListener('click', () => {
    element('sliders').querySelectorAll('input').forEach((input) => { input.value = 0; });
    element('sliders').querySelectorAll('output').forEach((output) => { output.textContent = '0'; });
    showVaried();
  });
  element('download-grid').addEventListener('click', () => download(
    sheet(state.images, COLUMNS, 4), `${page.preset}-samples.png`));
  element('download-varied').addEventListener('click', () => download(element('varied'), `${page.preset}.png`));
  element('set-start').addEventListener('click', () => setEnd('start', state.chosen));
  element('set-end').addEventListener('click', () => setEnd('end', state.chosen));
  element('position').addEventListener('input', showWalk);
  element('play').addEventListener('click', async () => {
    state.playing = !state.playing;
    element('play').textContent = state.playing ? 'Stop' : 'Play';
    const slider = element('position');
    if (state.playing && Number(slider.value) === 100) slider.value = 0;
    while (state.playing && Number(slider.value) < 100) {
      slider.value = Number(slider.value) + 2;
      await showWalk();
      await new Promise((resolve) => { setTimeout(resolve, 40); });
    }
    state.playing = false;
    element('play').textContent = 'Play';
  });

  // For the console, and for tests: images of chosen noise.
  window.dcgan = { page, generate, showSamples };
  document.querySelector('main').hidden = false;
  const first = Array.from({ length: SAMPLES }, () => drawNoise(page));
  await images(first.slice(0, 1)); // the first call prepares the backend and is no measure of its speed
  await showSamples(first);
  await setEnd('start', 0);
  await setEnd('end', 1);
}

start().catch((error) => {
  const status = element('status');
  status.className = 'error';
  status.textContent = `The page could not start: ${error.message}.`;
});
