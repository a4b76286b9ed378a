import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { sha256 } from "../shared/core/digest.ts";
import { packageRoot } from "../shared/core/package-root.ts";
import type { SeedResult } from "./simulate.ts";
import type { StorageKind } from "./storage-kind.ts";

/** A violation that is known, and not mended yet. */
interface KnownViolation {
  readonly seed: number;
  readonly jobs: number;
  readonly storage: StorageKind;
  readonly law: string;
  /** What is wrong, for people. */
  readonly why: string;
}

/** Violations that are known and not mended, one seed each. At best there are none. */
const KNOWN_FILE = join("sim", "known-violations.json");

/** Above all seeds that are run by number. */
const FIRST_SEED = 100_000_000;
const SEEDS = 900_000_000;

/** First seed to explore for a commit: each commit has another stretch of seeds. */
export function seedOfCommit(commit: string = headCommit()): number {
  return FIRST_SEED + (Number.parseInt(sha256(commit).slice(0, 12), 16) % SEEDS);
}

function headCommit(): string {
  return execFileSync("git", ["rev-parse", "HEAD"], { cwd: packageRoot, encoding: "utf8" }).trim();
}

/** Violations that an exploration found. It goes on behind each. */
export class Exploration {
  readonly #known: readonly KnownViolation[];
  #unknown = 0;
  #seen = 0;

  constructor(
    known: readonly KnownViolation[] = JSON.parse(readFileSync(join(packageRoot, KNOWN_FILE), "utf8")),
  ) {
    this.#known = known;
  }

  /** Notes a violation. Returns the lines that say it. */
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

  /** The line that ends the exploration. */
  summary(): string {
    const known = this.#seen === 0 ? "" : `, ${this.#seen} known ones met again`;
    return `explored: ${this.#unknown} new violations${known}, ${this.#known.length} listed in ${KNOWN_FILE}`;
  }
}
