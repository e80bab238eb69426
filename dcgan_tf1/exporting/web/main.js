// Copyright (c) 2026 the dcgan_tf1 authors; MIT License.
// Makes images from the generator that lies beside this page, in the visitor's browser. All that
// the page needs comes as scripts: nothing else can be read where it is opened from a disk.

'use strict';

const TFJS = {
  beside: 'tf.min.js', // a copy of the file below, for pages without a network
  cdn: 'https://cdn.jsdelivr.net/npm/@tensorflow/tfjs@4.22.0/dist/tf.min.js',
  integrity: 'sha384-vE8hbVJ4lezako5rlvE7bY0BVzWlFhZncPlckrqNwcUQpVtgbENTgZ8TBbnPjZre',
};
const SAMPLES = 16;
// Of the images that the model makes at once: its layers take memory by them.
const LIMITS = { pixelsAtOnce: 2 ** 20 };
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
    if (!window.tf) throw new Error('another file'); // some servers answer with a page what they do not have
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
  const found = (window.dcganFiles || {})[name];
  if (found === undefined) throw new Error(`${name} could not be loaded`); // but another file in its place
  return found;
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

// -------------------------------------------------------------------------------- the page

async function start() {
  const page = await read('page.js');
  const about = `${page.title[0].toUpperCase()}${page.title.slice(1)}`;
  element('title').textContent = about;
  document.title = about;
  await loadTensorFlow();
  const model = await loadModel();
  const size = page.image_shape.reduce((a, b) => a * b, 1);

  const matrix = (rows) => tf.tensor2d(rows.flatMap((row) => [...row]), [rows.length, rows[0].length]);

  async function generateAtOnce(samples) {
    const output = tf.tidy(() => {
      const heat = Number(element('temperature').value);
      const inputs = { [page.input.split(':')[0]]: matrix(samples.map(({ z }) => atTemperature(page, z, heat))) };
      if (page.classes) inputs[page.class_weights.split(':')[0]] = matrix(samples.map(({ weights }) => weights));
      return model.execute(inputs, page.output);
    });
    const values = await output.data();
    output.dispose();
    return samples.map((_, i) => values.subarray(i * size, (i + 1) * size));
  }

  // Samples -> each image's values, one after the other.
  async function generate(samples) {
    const [height, width] = page.image_shape;
    const count = Math.max(1, Math.floor(LIMITS.pixelsAtOnce / (height * width)));
    const found = [];
    for (let i = 0; i < samples.length; i += count) found.push(...await generateAtOnce(samples.slice(i, i + count)));
    return found;
  }

  const images = async (samples) => (await generate(samples)).map((values) => toPixels(page, values));

  const state = { zs: [], shown: null, samples: [], images: [], columns: 0, chosen: 0, start: null, end: null,
    walks: 0, playing: 0 };
  const nameOf = (label) => (page.classes ? page.classes[label] : '');

  // As many buttons as there are samples, under the classes' names where each has a column.
  function buildGrid() {
    const grid = element('grid');
    grid.style.setProperty('--columns', state.columns);
    const heads = page.classes && state.shown === null && state.columns === page.classes.length ? page.classes : [];
    grid.classList.toggle('upright', heads.some((name) => name.length > 2));
    const captioned = page.classes && state.shown === null && !heads.length; // of too many classes for columns
    grid.replaceChildren(...heads.map((name) => {
      const head = Object.assign(document.createElement('span'), { textContent: name });
      head.setAttribute('aria-hidden', 'true'); // the buttons say it, too
      return head;
    }), ...state.samples.map(({ label }, i) => {
      const button = Object.assign(document.createElement('button'), { type: 'button' });
      button.setAttribute('aria-label', `Sample ${i + 1}${page.classes ? `, ${nameOf(label)}` : ''}`);
      button.append(document.createElement('canvas'));
      if (captioned) button.append(Object.assign(document.createElement('small'), { textContent: nameOf(label) }));
      button.addEventListener('click', () => choose(i));
      return button;
    }));
  }

  // The sample that stays chosen: of the same noise and, if there is one, of the same class.
  function chosenOf(samples) {
    const { row, label } = state.samples[state.chosen] || { row: 0, label: 0 };
    const same = samples.findIndex((other) => other.row === row && other.label === label);
    return Math.max(0, same >= 0 ? same : samples.findIndex((other) => other.row === row));
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
      try {
        while (again) {
          again = false;
          await work();
        }
      } finally {
        running = false;
      }
    };
  }

  const drawSamples = newest(async () => {
    const { zs, shown } = state;
    const { columns, samples } = layout(page, zs, shown);
    const begun = performance.now();
    const made = await images(samples);
    const took = performance.now() - begun;
    const chosen = chosenOf(samples);
    const rebuild = samples.length !== state.samples.length
      || samples.some(({ label }, i) => label !== state.samples[i].label);
    Object.assign(state, { samples, images: made, columns });
    if (rebuild) buildGrid();
    element('grid').querySelectorAll('canvas').forEach((canvas, i) => draw(canvas, made[i]));
    const backend = { webgl: 'WebGL', cpu: 'CPU' }[tf.getBackend()] || tf.getBackend();
    element('status').className = ''; // it may have told of an error
    element('status').textContent = `${made.length} images in ${took.toFixed(0)} ms, `
      + `${(took / made.length).toFixed(1)} ms an image, on ${backend}.`;
    await choose(chosen);
  });

  // `shown`: a class, or null for all; see layout().
  async function showSamples(zs, shown = state.shown) {
    Object.assign(state, { zs, shown });
    [...element('classes').children].forEach((button, i) => button.setAttribute(
      'aria-pressed', String(shown === (i ? i - 1 : null))));
    await drawSamples();
  }

  const showVaried = newest(async () => {
    const chosen = state.samples[state.chosen];
    const [image] = await images([{ ...chosen, z: moved(page, chosen.z, amounts()) }]);
    draw(element('varied'), image);
    element('varied-class').textContent = page.classes ? `Class: ${nameOf(chosen.label)}` : '';
  });

  // The walk's two ends, which may not be among the samples any more, and what is between them.
  const showEnds = newest(async () => {
    const made = await images([state.start, state.end]);
    ['start', 'end'].forEach((name, i) => draw(element(name), made[i]));
    await showWalk();
  });

  const showWalk = newest(async () => {
    const way = Number(element('position').value) / 100;
    element('position-value').textContent = `${Math.round(100 * way)} %`;
    const [image] = await images([sampleBetween(page, state.start, state.end, way)]);
    draw(element('walk'), image);
  });

  async function choose(index) {
    state.chosen = index;
    element('grid').querySelectorAll('button').forEach((button, i) => button.setAttribute(
      'aria-pressed', String(i === index)));
    await showVaried();
  }

  async function setEnd(name, index) {
    state[name] = state.samples[index];
    draw(element(name), state.images[index]);
    element(`${name}-class`).textContent = nameOf(state[name].label);
    if (state.start && state.end) await showEnds(); // both, for a slower drawing of other ends may be on its way
  }

  element('classes').hidden = !page.classes;
  if (page.classes) {
    element('classes').append(...['All', ...page.classes].map((name, i) => {
      const button = Object.assign(document.createElement('button'), { type: 'button', textContent: name });
      button.addEventListener('click', () => showSamples(state.zs, i ? i - 1 : null));
      return button;
    }));
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

  // Beyond 1, uniform noise is such as no training had.
  element('temperature').min = Math.min(0.1, page.temperature);
  const hundredths = page.temperature * 100;
  const isRound = page.temperature >= 0.1 && Math.abs(hundredths - Math.round(hundredths)) < 1e-6;
  element('temperature').step = isRound ? 0.01 : 'any'; // or the slider would round it
  element('temperature').max = Math.max(page.noise === 'normal' ? 1.5 : 1, page.temperature);
  element('temperature').value = page.temperature;
  element('temperature-value').textContent = element('temperature').value;
  element('temperature').addEventListener('input', () => {
    element('temperature-value').textContent = element('temperature').value;
    drawSamples();
    showEnds();
  });
  element('new').addEventListener('click', () => showSamples(
    Array.from({ length: SAMPLES }, () => drawNoise(page))));
  element('reset').addEventListener('click', () => {
    element('sliders').querySelectorAll('input').forEach((input) => { input.value = 0; });
    element('sliders').querySelectorAll('output').forEach((output) => { output.textContent = '0'; });
    showVaried();
  });
  // The class in the name of a file, of letters and digits alone.
  const suffix = (name) => (page.classes ? `-${name.replace(/[^\p{L}\p{N}]+/gu, '-')}` : '');
  element('download-grid').addEventListener('click', () => download(sheet(state.images, state.columns),
    `${page.preset}${suffix(state.shown === null ? 'all' : nameOf(state.shown))}-samples.png`));
  element('download-varied').addEventListener('click', () => download(element('varied'),
    `${page.preset}${suffix(nameOf(state.samples[state.chosen].label))}.png`));
  element('set-start').addEventListener('click', () => setEnd('start', state.chosen));
  element('set-end').addEventListener('click', () => setEnd('end', state.chosen));
  element('position').addEventListener('input', showWalk);
  element('play').addEventListener('click', async () => {
    state.playing = state.playing ? 0 : (state.walks += 1); // the number of the one walk that plays
    const mine = state.playing;
    element('play').textContent = mine ? 'Stop' : 'Play';
    const slider = element('position');
    if (mine && Number(slider.value) === 100) slider.value = 0;
    try {
      while (mine && state.playing === mine && Number(slider.value) < 100) {
        slider.value = Number(slider.value) + 2;
        await showWalk();
        await new Promise((resolve) => { setTimeout(resolve, 40); });
      }
    } finally {
      if (mine && state.playing === mine) {
        state.playing = 0;
        element('play').textContent = 'Play';
      }
    }
  });

  // For the console, and for tests: images of chosen noise.
  window.dcgan = { page, showSamples, limits: LIMITS };
  const first = Array.from({ length: SAMPLES }, () => drawNoise(page));
  await images([sample(page, first[0], 0, 0)]); // the first call prepares the backend and is no measure of its speed
  await showSamples(first);
  await setEnd('start', 0);
  await setEnd('end', 1);
  document.querySelector('main').hidden = false; // every control has now what it works on
}

function say(what, error) {
  element('status').className = 'error';
  element('status').textContent = `${what}: ${error.message || error}.`;
}

start().catch((error) => say('The page could not start', error));
// Later, too: a browser may run out of the graphics card's memory, or lose the card.
window.addEventListener('unhandledrejection', ({ reason }) => say('No image could be made', reason));
