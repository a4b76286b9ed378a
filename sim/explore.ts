import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { sha256 } from "../shared/core/digest.ts";
import { packageRoot } from "../shared/core/package-root.ts";
import type { SeedResult } from "./simulate.ts";
import type { StorageKind } from "./storage-kind.ts";

/** A known violation that is not fixed yet. */
interface KnownViolation {
  readonly seed: number;
  readonly jobs: number;
  readonly storage: StorageKind;
  readonly law: string;
  /** The cause, for people. */
  readonly why: string;
}

/** Known violations that are not fixed, one seed each. The list should be empty. */
const KNOWN_FILE = join("sim", "known-violations.json");

/** Lowest seed to explore: above all seeds that are run by number. */
const FIRST_SEED = 100_000_000;
const SEEDS = 900_000_000;

/** Returns the first seed to explore for a commit. Each commit explores another range of seeds. */
export function seedOfCommit(commit: string = headCommit()): number {
  return FIRST_SEED + (Number.parseInt(sha256(commit).slice(0, 12), 16) % SEEDS);
}

function headCommit(): string {
  return execFileSync("git", ["rev-parse", "HEAD"], { cwd: packageRoot, encoding: "utf8" }).trim();
}

/** Violations that an exploration found. An exploration continues after each. */
export class Exploration {
  readonly #known: readonly KnownViolation[];
  #unknown = 0;
  #seen = 0;

  constructor(
    known: readonly KnownViolation[] = JSON.parse(readFileSync(join(packageRoot, KNOWN_FILE), "utf8")),
  ) {
    this.#known = known;
  }

  /** Notes a violation and returns the lines that describe it. */
  found({ seed, jobs, storage, violation }: SeedResult): string[] {
    const known = this.#known.find(
      (each) => each.seed === seed && each.jobs === jobs && each.storage === storage,
    );
    if (known === undefined) this.#unknown += 1;
    else this.#seen += 1;
    const what = known === undefined ? "" : ` (known: ${known.why})`;
    return [`seed ${seed} breaks ${violation?.law}: ${violation?.message}${what}`];
  }

  /** Notes that a seed gave two traces. */
  differed(): void {
    this.#unknown += 1;
  }

  /** Returns the last line of the exploration. */
  summary(): string {
    const known = this.#seen === 0 ? "" : `, ${this.#seen} known violations found again`;
    return `explored: ${this.#unknown} new violations${known}, ${this.#known.length} listed in ${KNOWN_FILE}`;
  }
}
