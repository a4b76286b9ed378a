import { ShardmillError } from "../../../shared/core/errors.ts";
import { shown } from "../../lake/table-error.ts";
import type { ActionPlace, AddedFile, LogAction, Metadata, Protocol } from "./actions.ts";
import { logCorrupt } from "./log-error.ts";

/** Limit of the files of a version. Each takes about a kilobyte of memory. */
const MOST_FILES = 2_000_000;

/** One version of a table. */
export interface Snapshot {
  readonly protocol: Protocol;
  readonly metadata: Metadata;
  /** Files in the order in which the log added them. */
  readonly files: Iterable<AddedFile>;
}

/**
 * Replays the actions of a log: first those of a checkpoint, then those of each commit, in order. Memory is
 * bounded by the files of the largest version on the way, not by the actions.
 */
export class Replay {
  #protocol: Protocol | null = null;
  #metadata: Metadata | null = null;
  readonly #files = new Map<string, AddedFile>();
  readonly #mostFiles: number;

  constructor(mostFiles = MOST_FILES) {
    this.#mostFiles = mostFiles;
  }

  /** @throws {INPUT_CORRUPT} {INPUT_UNSUPPORTED} */
  take(action: LogAction, place: ActionPlace): void {
    switch (action.kind) {
      case "add": {
        const { key, file } = action;
        // A file that is added again has the newest facts.
        this.#files.set(key, file);
        if (this.#files.size > this.#mostFiles) throw tooManyFiles(place.path, this.#mostFiles);
        return;
      }
      case "remove":
        this.#files.delete(action.key);
        return;
      case "protocol":
        this.#protocol = action.protocol;
        return;
      case "metadata":
        this.#metadata = action.metadata;
        return;
      case "sidecar":
        // Checkpoints read their sidecars themselves.
        throw logCorrupt({ ...place, expected: "a sidecar only in a checkpoint", found: shown(action.path) });
    }
  }

  /**
   * Returns the version that the log has been replayed to.
   *
   * @throws {INPUT_CORRUPT} when the log has no protocol or no schema
   */
  snapshot(path: string): Snapshot {
    const lacks = (name: string) =>
      logCorrupt({
        path,
        where: "log",
        expected: `an action \`${name}\``,
        found: `none in all of its files`,
      });
    if (this.#protocol === null) throw lacks("protocol");
    if (this.#metadata === null) throw lacks("metaData");
    return { protocol: this.#protocol, metadata: this.#metadata, files: this.#files.values() };
  }
}

function tooManyFiles(path: string, most: number): ShardmillError {
  const what = `has more than ${most} files in one version`;
  const hint = "compact the table with OPTIMIZE, or read it in parts, each with the tools that write it";
  return new ShardmillError("INPUT_UNSUPPORTED", `${path} ${what}`, {
    fields: { path, most },
    problems: [{ where: path, what, hint }],
    hint,
  });
}
