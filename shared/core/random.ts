import { randomBytes } from "node:crypto";

/** Randomness as a parameter: the system's in production, a seeded one in the simulator. */
export interface Random {
  /** Random bytes as hex digits: for names that nobody else must have. */
  hex(bytes: number): string;
  /** In [0, 1): for jitter. */
  unit(): number;
}

export const systemRandom: Random = {
  hex: (bytes) => randomBytes(bytes).toString("hex"),
  unit: () => Math.random(),
};
