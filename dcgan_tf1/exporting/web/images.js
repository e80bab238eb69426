// Copyright (c) 2026 the dcgan_tf1 authors; MIT License.
// What main.js shows: noise and classes of the samples, and their pixels on canvases.

'use strict';

const COLUMNS = 4;
const ROWS = 4; // of a grid with a column for each class
const MAX_COLUMNS = 12;

// ------------------------------------------------------------------------------ the noise

function drawNoise(page) {
  const z = new Float32Array(page.z_dim);
  const lowest = page.noise === 'uniform' ? -1 : 0; // of 'uniform01' 0
  for (let i = 0; i < z.length; i += 1) {
    z[i] = page.noise === 'normal'
      // Box and Muller; 1 - random() is never 0.
      ? Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random())
      : lowest + (1 - lowest) * Math.random();
  }
  return z;
}

// What to feed for images of noise z at a temperature: the model itself multiplies by the one it was exported at.
function atTemperature(page, z, temperature) {
  const mean = page.noise === 'uniform01' ? 0.5 : 0;
  return z.map((value) => mean + temperature / page.temperature * (value - mean));
}

// On the way from a to b: straight for uniform noise, which stays within its cube, and along a circle for normal
// noise, by the angle between the two, so that it is as far from 0 all the way.
function between(page, a, b, way) {
  let [away, there] = [1 - way, way];
  if (page.noise === 'normal') {
    const times = (one, other) => one.reduce((sum, value, i) => sum + value * other[i], 0);
    const angle = Math.acos(Math.max(-1, Math.min(1, times(a, b) / Math.sqrt(times(a, a) * times(b, b) || 1))));
    const sine = Math.sin(angle);
    if (sine > 1e-5) [away, there] = [Math.sin((1 - way) * angle) / sine, Math.sin(way * angle) / sine];
  }
  return a.map((value, i) => away * value + there * b[i]);
}

// Weights of the classes: 1 for a sample's own. On the way between two samples they are between theirs.
function classWeights(page, label) {
  const weights = new Float32Array(page.classes.length);
  weights[label] = 1;
  return weights;
}

// A sample is noise and, where the generator takes some, a label and weights of the classes.
function sample(page, z, row, label) {
  return page.classes ? { z, row, label, weights: classWeights(page, label) } : { z, row };
}

function sampleBetween(page, a, b, way) {
  return {
    z: between(page, a.z, b.z, way),
    weights: a.weights && a.weights.map((weight, c) => (1 - way) * weight + way * b.weights[c]),
  };
}

// What is shown of noise vectors: { columns, samples }. `shown`: a class, or null for all classes, then with a column
// for each and a row for each vector where there is room for it.
function layout(page, zs, shown) {
  const count = page.classes ? page.classes.length : 0;
  if (!count || shown !== null) return { columns: COLUMNS, samples: zs.map((z, i) => sample(page, z, i, shown)) };
  if (count > MAX_COLUMNS) {
    return { columns: COLUMNS,
      samples: zs.map((z, i) => sample(page, z, i, Math.floor(i * count / zs.length))) };
  }
  const rows = zs.slice(0, ROWS);
  return { columns: count,
    samples: rows.flatMap((z, row) => page.classes.map((_, label) => sample(page, z, row, label))) };
}

function moved(page, z, amounts) {
  const deviation = { uniform: 1 / Math.sqrt(3), normal: 1, uniform01: 1 / Math.sqrt(12) }[page.noise];
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
    if (!blob) {
      window.alert(`This browser can't make a picture of ${canvas.width} x ${canvas.height} pixels.`);
      return;
    }
    const link = Object.assign(document.createElement('a'), { href: URL.createObjectURL(blob), download: name });
    link.click();
    URL.revokeObjectURL(link.href);
  }, 'image/png');
}

// The pixels of a canvas, at most: some phones draw no larger ones.
const MAX_PIXELS = 1 << 24;

// A picture of several images, `columns` in a row, each pixel up to four times as large.
function sheet(images, columns) {
  const { width, height } = images[0];
  const pixels = width * columns * height * Math.ceil(images.length / columns);
  const scale = Math.max(1, Math.min(4, Math.floor(Math.sqrt(MAX_PIXELS / pixels))));
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
