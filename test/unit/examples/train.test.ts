import { describe, expect, it } from "vitest";
import type { Digit } from "../../../examples/digits/dataset.ts";
import {
  backward,
  createActivations,
  createNetwork,
  forward,
  type Ink,
  type Network,
  zeroNetwork,
} from "../../../examples/digits/network.ts";
import { between, seededRandom, shuffled } from "../../../examples/digits/random.ts";
import { accuracy, train } from "../../../examples/digits/train.ts";
import { softmax } from "../../../examples/digits/vector.ts";

const SIZES = { pixels: 4, hidden: 5, classes: 3 };
const INK: Ink = { places: [0, 3], values: [0.5, 1] };
const LABEL = 1;

function logitsOf(network: Network): Float32Array {
  const activations = createActivations(network);
  forward(network, INK, activations);
  return activations.logits;
}

function lossOf(network: Network): number {
  return -Math.log(softmax(logitsOf(network))[LABEL] ?? 0);
}

describe("the network", () => {
  it("has the gradients that small changes of each weight measure", () => {
    const network = createNetwork(SIZES, seededRandom(3));
    const gradients = zeroNetwork(network);
    const activations = createActivations(network);
    forward(network, INK, activations);
    const errors = softmax(activations.logits).map((share, place) => share - (place === LABEL ? 1 : 0));
    backward(network, gradients, { ink: INK, errors, activations });

    const pairs = (["hidden", "output"] as const).flatMap((layer) =>
      (["weights", "bias"] as const).map((part) => [network[layer][part], gradients[layer][part]] as const),
    );
    for (const [weights, slopes] of pairs) {
      weights.forEach((weight, place) => {
        weights[place] = weight + 1e-2;
        const above = lossOf(network);
        weights[place] = weight - 1e-2;
        const below = lossOf(network);
        weights[place] = weight;
        expect(slopes[place]).toBeCloseTo((above - below) / 2e-2, 3);
      });
    }
  });
});

describe("training", () => {
  /** Digits of two labels, which differ in the half of the image with ink. */
  const digits: Digit[] = Array.from({ length: 60 }, (_, id) => {
    const label = id % 2;
    const pixels = new Uint8Array(784).fill(100 + id, label * 392 + 56, label * 392 + 336);
    return { id, label, split: "train", pixels };
  });

  it("learns separable digits, with equal weights for equal seeds and others for another seed", () => {
    const [once, again, other] = [
      train(digits, seededRandom(1)),
      train(digits, seededRandom(1)),
      train(digits, seededRandom(2)),
    ];
    expect(accuracy(once, digits)).toBe(1);
    expect(again).toEqual(once);
    expect(other).not.toEqual(once);
  });
});

describe("seeded random numbers", () => {
  it("are those of mulberry32, independent of the Node version", () => {
    const random = seededRandom(1);
    expect([random(), random(), random()]).toEqual([
      0.6270739405881613, 0.002735721180215478, 0.5274470399599522,
    ]);
  });

  it("reach both ends of a range and shuffle without loss", () => {
    const random = seededRandom(9);
    const drawn = new Set(Array.from({ length: 200 }, () => between(-1, 1, random)));
    expect([...drawn].sort((a, b) => a - b)).toEqual([-1, 0, 1]);
    const order = shuffled([...Array(50).keys()], random);
    expect(order).not.toEqual([...Array(50).keys()]);
    expect(order.toSorted((a, b) => a - b)).toEqual([...Array(50).keys()]);
  });
});
