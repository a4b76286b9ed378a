import { randomBytes } from "node:crypto";

/** Randomness as a parameter: the system's in production, a seeded one in the simulator. */
export interface Random {
  /** Returns random bytes as hex digits, for unique names. */
  hex(bytes: number): string;
  /** Returns a number in [0, 1), for jitter. */
  unit(): number;
}

export const systemRandom: Random = {
  hex: (bytes) => randomBytes(bytes).toString("hex"),
  unit: () => Math.random(),
};
