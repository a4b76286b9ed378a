import { expect, test } from "vitest";
import { tryKind } from "../../fault/hostile/try-kind.ts";

/** A part of `npm run hostile`: a real coordinator receives nonsense, and must still complete its job. */

test.each([
  ["wire", 20],
  ["call", 8],
  // Endless heartbeats, lease requests, registrations and uploads.
  ["peers", 5],
] as const)(
  "hostile %s: a coordinator completes its job after each of %d",
  async (kind, count) => {
    const broken: string[] = [];
    const tally = await tryKind({
      kind,
      seed: 7,
      from: 0,
      count,
      onBroken: ({ index }, { what, broken: why }) => void broken.push(`${index}: ${what}: ${why}`),
    });
    expect(broken).toEqual([]);
    expect(tally.count("survived")).toBe(count);
  },
  300_000,
);
