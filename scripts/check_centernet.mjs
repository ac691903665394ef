// Runs the original CenterNet graph with tfjs: check_centernet.mjs MODULES MODEL FRAMES OUT NAME...
// FRAMES holds 512x512 RGB bytes, one frame after the other; every output goes to OUT as float32.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const [modules, modelFile, framesFile, out, ...names] = process.argv.slice(2);
const tf = createRequire(join(modules, 'package.json'))('@tensorflow/tfjs');
const SHAPE = [1, 512, 512, 3];
const SIZE = 512 * 512 * 3;

function loadModel(file) {
  const { modelTopology, weightsManifest } = JSON.parse(readFileSync(file, 'utf8'));
  const paths = weightsManifest.flatMap((group) => group.paths);
  const bytes = Buffer.concat(paths.map((path) => readFileSync(join(dirname(file), path))));
  const weightSpecs = weightsManifest.flatMap((group) => group.weights);
  const weightData = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  return tf.loadGraphModel({ load: async () => ({ modelTopology, weightSpecs, weightData }) });
}

await tf.setBackend('cpu');
const model = await loadModel(modelFile);
const frames = readFileSync(framesFile);
for (let index = 0; (index + 1) * SIZE <= frames.length; index += 1) {
  const pixels = Float32Array.from(frames.subarray(index * SIZE, (index + 1) * SIZE));
  const results = model.execute(tf.tensor4d(pixels, SHAPE), names);
  results.forEach((result, place) => {
    writeFileSync(join(out, `${index}-${place}.f32`), Buffer.from(result.dataSync().buffer));
  });
}
