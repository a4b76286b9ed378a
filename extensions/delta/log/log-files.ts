import { ShardmillError } from "../../../shared/core/errors.ts";
import { logCorrupt } from "./log-error.ts";

/** Checkpoint of a version: Parquet files, or one JSON file. All of its files are there. */
export interface Checkpoint {
  readonly version: number;
  readonly names: readonly string[];
}

/** Files of a log that lead to a version. */
export interface LogSegment {
  readonly version: number;
  /** Null: the commits begin with version 0. */
  readonly checkpoint: Checkpoint | null;
  /** Commits behind the checkpoint, in order. */
  readonly commits: readonly string[];
}

const COMMIT = /^(\d{20})\.json$/;
const WHOLE = /^(\d{20})\.checkpoint\.parquet$/;
const PART = /^(\d{20})\.checkpoint\.(\d{10})\.(\d{10})\.parquet$/;
const BY_ID = /^(\d{20})\.checkpoint\.[0-9a-fA-F-]{36}\.(json|parquet)$/;

/** Files of a log by version. Other names, such as checksums and compacted commits, do not matter. */
export class LogFiles {
  /** Names of commits by version, in order. */
  readonly commits: ReadonlyMap<number, string>;
  readonly #checkpoints: readonly Checkpoint[];
  readonly #path: string;

  constructor(path: string, names: readonly string[]) {
    this.#path = path;
    const sorted = [...names].sort();
    this.commits = new Map(
      sorted.flatMap((name) => {
        const version = COMMIT.exec(name)?.[1];
        return version === undefined ? [] : [[Number(version), name] as const];
      }),
    );
    this.#checkpoints = checkpointsOf(sorted);
  }

  /** Newest version. Null: the log is empty. */
  get newest(): number | null {
    const versions = [...this.commits.keys(), ...this.#checkpoints.map(({ version }) => version)];
    return versions.length === 0 ? null : versions.reduce((a, b) => Math.max(a, b));
  }

  /**
   * Returns the files to replay for a version.
   *
   * @throws {INPUT_CORRUPT} when a commit on the way is missing
   */
  segment(version: number): LogSegment {
    const checkpoint = this.#checkpoints.findLast((each) => each.version <= version) ?? null;
    const first = checkpoint === null ? 0 : checkpoint.version + 1;
    const commits: string[] = [];
    for (let at = first; at <= version; at += 1) {
      const name = this.commits.get(at);
      if (name === undefined) throw this.#cleanedUp(at, version) ?? this.#gap(at, version, checkpoint);
      commits.push(name);
    }
    return { version, checkpoint, commits };
  }

  /** Tables remove old commits before a checkpoint. Null: the missing commit is another. */
  #cleanedUp(at: number, version: number): ShardmillError | null {
    const first = this.#checkpoints[0]?.version ?? null;
    if (at > 0 || first === null) return null;
    const what = `no longer has version ${version}: its clean-up removed old commits`;
    const hint = `read a version from ${first} on`;
    return new ShardmillError("INPUT_NOT_FOUND", `the log ${this.#path} ${what}`, {
      fields: { path: this.#path, version },
      problems: [{ where: this.#path, what, hint }],
      hint,
    });
  }

  #gap(at: number, version: number, checkpoint: Checkpoint | null): Error {
    const from =
      checkpoint === null ? "without a checkpoint before" : `behind checkpoint ${checkpoint.version}`;
    return logCorrupt({
      path: this.#path,
      where: "log",
      expected: `a commit of each version up to ${version}, ${from}`,
      found: `no commit of version ${at}`,
    });
  }
}

/** Returns the checkpoints whose parts are all there, by version. Of several for a version, any is good. */
function checkpointsOf(names: readonly string[]): Checkpoint[] {
  const checkpoints = new Map<number, Checkpoint>();
  const parts = new Map<string, string[]>();
  for (const name of names) {
    const whole = (WHOLE.exec(name) ?? BY_ID.exec(name))?.[1];
    if (whole !== undefined) checkpoints.set(Number(whole), { version: Number(whole), names: [name] });
    const [, version, part, of] = PART.exec(name) ?? [];
    if (version === undefined || of === undefined) continue;
    const key = `${version} ${of}`;
    const before = parts.get(key) ?? [];
    // Names are sorted, so a missing part is noticed at once.
    if (Number(part) === before.length + 1) parts.set(key, [...before, name]);
  }
  for (const [key, all] of parts) {
    const [version, of] = key.split(" ").map(Number);
    if (version === undefined || all.length !== of || checkpoints.has(version)) continue;
    checkpoints.set(version, { version, names: all });
  }
  return [...checkpoints.values()].sort((a, b) => a.version - b.version);
}
