import type { Random } from "./random.ts";
import { addScaled, dot } from "./vector.ts";

/** A fully connected layer. */
export interface Layer {
  readonly inputs: number;
  readonly outputs: number;
  /**
   * Weights `[inputs, outputs]`, row-major, as ONNX's Gemm takes them. {@link row} returns those of one
   * input.
   */
  readonly weights: Float32Array;
  readonly bias: Float32Array;
}

/** A network: pixels -> hidden -> ReLU -> output -> logits. */
export interface Network {
  readonly hidden: Layer;
  readonly output: Layer;
}

/** The nonzero pixels of an image. Four pixels in five are zero, and add nothing to a sum. */
export interface Ink {
  readonly places: readonly number[];
  /** Values from 0 to 1. */
  readonly values: readonly number[];
}

/** Results of a forward pass for the backward pass. The next forward pass overwrites them. */
export interface Activations {
  readonly hidden: Float32Array;
  readonly logits: Float32Array;
}

export function createNetwork(
  sizes: { pixels: number; hidden: number; classes: number },
  random: Random,
): Network {
  return {
    hidden: createLayer(sizes.pixels, sizes.hidden, random),
    output: createLayer(sizes.hidden, sizes.classes, random),
  };
}

/**
 * Creates a layer by He's initialisation, uniform, which keeps the variance through a ReLU (He et al., 2015).
 */
function createLayer(inputs: number, outputs: number, random: Random): Layer {
  const limit = Math.sqrt(6 / inputs);
  const weights = Float32Array.from({ length: inputs * outputs }, () => (2 * random() - 1) * limit);
  return { inputs, outputs, weights, bias: new Float32Array(outputs) };
}

/** Creates a layer of the same shape with zeros, for gradients and momenta. */
function zeroLayer({ inputs, outputs }: Layer): Layer {
  return { inputs, outputs, weights: new Float32Array(inputs * outputs), bias: new Float32Array(outputs) };
}

export function zeroNetwork({ hidden, output }: Network): Network {
  return { hidden: zeroLayer(hidden), output: zeroLayer(output) };
}

export function createActivations({ hidden, output }: Network): Activations {
  return { hidden: new Float32Array(hidden.outputs), logits: new Float32Array(output.outputs) };
}

/** Returns a view of an input's weights. */
function row({ outputs, weights }: Layer, input: number): Float32Array {
  return weights.subarray(input * outputs, (input + 1) * outputs);
}

export function forward(network: Network, ink: Ink, { hidden, logits }: Activations): void {
  hidden.set(network.hidden.bias);
  ink.places.forEach((place, i) => {
    addScaled(hidden, row(network.hidden, place), ink.values[i] ?? 0);
  });
  logits.set(network.output.bias);
  hidden.forEach((value, unit) => {
    if (value > 0) addScaled(logits, row(network.output, unit), value);
    else hidden[unit] = 0;
  });
}

/** Adds one image's gradients to `gradients`. `errors` is the loss's derivative by each logit. */
export function backward(
  network: Network,
  gradients: Network,
  { ink, errors, activations }: { ink: Ink; errors: Float32Array; activations: Activations },
): void {
  addScaled(gradients.output.bias, errors, 1);
  const hiddenErrors = activations.hidden.map((value, unit) => {
    if (value === 0) return 0;
    addScaled(row(gradients.output, unit), errors, value);
    return dot(row(network.output, unit), errors);
  });
  addScaled(gradients.hidden.bias, hiddenErrors, 1);
  ink.places.forEach((place, i) => {
    addScaled(row(gradients.hidden, place), hiddenErrors, ink.values[i] ?? 0);
  });
}
