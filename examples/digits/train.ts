import { CLASSES, type Digit, PIXELS, SIDE } from "./dataset.ts";
import {
  type Activations,
  backward,
  createActivations,
  createNetwork,
  forward,
  type Ink,
  type Layer,
  type Network,
  zeroNetwork,
} from "./network.ts";
import { between, type Random, shuffled } from "./random.ts";
import { addScaled, argmax, scale, softmax } from "./vector.ts";

const HIDDEN = 128;
const EPOCHS = 30;
const BATCH_DIGITS = 32;
const LEARNING_RATE = 0.05;
const MOMENTUM = 0.9;
/**
 * Maximum shift in pixels. Each digit is moved at random each time, because 8,000 digits are few and the
 * place must not matter.
 */
const SHIFT = 1;

/**
 * Trains by mini-batch gradient descent with momentum on the cross-entropy loss. The rate falls to zero as a
 * cosine.
 */
export function train(digits: readonly Digit[], random: Random): Network {
  const network = createNetwork({ pixels: PIXELS, hidden: HIDDEN, classes: CLASSES }, random);
  const momenta = zeroNetwork(network);
  const activations = createActivations(network);
  for (let epoch = 0; epoch < EPOCHS; epoch += 1) {
    const rate = (LEARNING_RATE * (1 + Math.cos((Math.PI * epoch) / EPOCHS))) / 2;
    const order = shuffled(digits, random);
    for (let start = 0; start < order.length; start += BATCH_DIGITS) {
      const batch = order.slice(start, start + BATCH_DIGITS);
      // Gradients are added directly to the momenta, which are scaled down first.
      forEachArray(momenta, (momentum) => scale(momentum, MOMENTUM));
      for (const { pixels, label } of batch) {
        const ink = inkOf(pixels, between(-SHIFT, SHIFT, random), between(-SHIFT, SHIFT, random));
        forward(network, ink, activations);
        const errors = lossErrors(activations, label, batch.length);
        backward(network, momenta, { ink, errors, activations });
      }
      step(network.hidden, momenta.hidden, rate);
      step(network.output, momenta.output, rate);
    }
  }
  return network;
}

/** Returns the share of `digits` that the network classifies correctly. */
export function accuracy(network: Network, digits: readonly Digit[]): number {
  const activations = createActivations(network);
  const right = digits.filter(({ pixels, label }) => {
    forward(network, inkOf(pixels, 0, 0), activations);
    return argmax(activations.logits) === label;
  });
  return right.length / digits.length;
}

/** Returns the derivative of softmax and cross-entropy together: the prediction minus the truth. */
function lossErrors({ logits }: Activations, label: number, batchDigits: number): Float32Array {
  const errors = softmax(logits);
  errors[label] = (errors[label] ?? 0) - 1;
  scale(errors, 1 / batchDigits);
  return errors;
}

function step(layer: Layer, momentum: Layer, rate: number): void {
  addScaled(layer.weights, momentum.weights, -rate);
  addScaled(layer.bias, momentum.bias, -rate);
}

function forEachArray({ hidden, output }: Network, visit: (values: Float32Array) => void): void {
  for (const { weights, bias } of [hidden, output]) {
    visit(weights);
    visit(bias);
  }
}

/** Returns the image's nonzero pixels, moved right and down. Pixels outside the frame are dropped. */
function inkOf(pixels: Uint8Array, right: number, down: number): Ink {
  const places: number[] = [];
  const values: number[] = [];
  pixels.forEach((grey, place) => {
    const x = (place % SIDE) + right;
    const y = Math.floor(place / SIDE) + down;
    if (grey === 0 || x < 0 || x >= SIDE || y < 0 || y >= SIDE) return;
    places.push(y * SIDE + x);
    values.push(grey / 255);
  });
  return { places, values };
}
