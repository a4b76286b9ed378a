import type { LocatedFile } from "../../../coordinator/plan/input/discover.ts";
import type { NextRun } from "../../../coordinator/runs/next-run.ts";
import type { ErrorData } from "../../../shared/core/errors.ts";
import type { TakesFile } from "../../../shared/domain/new-input.ts";
import type { FilesTrigger } from "../spec/trigger-spec.ts";
import { QuietFiles, statOf } from "./quiet-files.ts";
import { ranFiring } from "./run-facts.ts";
import { failedRun, type RunOutcome, unreadableFiles } from "./run-outcome.ts";
import { noteRan, type RanFiring, type TriggerState } from "./trigger-state.ts";

interface FilesRunsOptions {
  readonly ledger: {
    readonly state: TriggerState | null;
    save(state: TriggerState): Promise<void>;
  };
  /** Finds the next run over new files. Null: there are no files at all. */
  readonly look: () => Promise<NextRun | null>;
  /** Begins a run over accepted files, or resumes one that has begun, and waits for its end. */
  readonly run: (takes: TakesFile) => Promise<RunOutcome | null>;
  /** Current time by a monotonic clock. */
  readonly nowMs: () => number;
  readonly wallMs: () => number;
  /** Called when a run has ended and the next step is due. */
  readonly onEnded: () => void;
  /** Called when the next runs exclude unreadable files. */
  readonly onExcluded: (paths: readonly string[], failure: ErrorData) => void;
}

/** First delay of a retry. Each further failure doubles it. */
const RETRY_MS = 60_000;
const MOST_RETRY_MS = 3_600_000;

/** Runs that fail for unreadable files before the next run excludes these files. */
const TRIES_OF_FILES = 3;

/**
 * Runs over new files, one at a time. The output itself shows which files are new, and which run is
 * incomplete. The ledger is for people only.
 */
export class FilesRuns {
  readonly #options: FilesRunsOptions;
  readonly #quiet = new QuietFiles();
  #isRunning = false;
  #failures = 0;
  #notBeforeMs = Number.NEGATIVE_INFINITY;
  #ended: RanFiring | null = null;
  /** Size and version of excluded files by path. A file is included again once it changes. */
  #excluded = new Map<string, string>();

  constructor(options: FilesRunsOptions) {
    this.#options = options;
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** Records an ended run, looks for files, and begins a run over those that are quiet. */
  async step({ quietMs }: FilesTrigger): Promise<void> {
    const { ledger, look, nowMs } = this.#options;
    if (this.#ended !== null) {
      await ledger.save(noteRan(ledger.state ?? NOTHING, this.#ended));
      this.#ended = null;
    }
    if (this.#isRunning || nowMs() < this.#notBeforeMs) return;
    const next = await look();
    if (next?.kind === "run" && next.begun !== null) this.#begin(() => true, []);
    else {
      const found = next?.kind === "run" ? next.input.files : [];
      const files = found.filter((file) => this.#excluded.get(file.path) !== statOf(file));
      const quiet = this.#quiet.observe(files, quietMs, nowMs());
      if (quiet.count > 0) this.#begin((file) => quiet.has(file), files);
    }
  }

  /** @param files candidates of the run */
  #begin(takes: TakesFile, files: readonly LocatedFile[]): void {
    const { run, nowMs, wallMs, onEnded } = this.#options;
    const atMs = wallMs();
    this.#isRunning = true;
    const end = (outcome: RunOutcome | null) => {
      this.#isRunning = false;
      if (outcome === null) return;
      const hasFailed = outcome.outcome === "failed" || outcome.outcome === "cancelled";
      this.#failures = hasFailed ? this.#failures + 1 : 0;
      if (hasFailed)
        this.#notBeforeMs = nowMs() + Math.min(RETRY_MS * 2 ** (this.#failures - 1), MOST_RETRY_MS);
      if (outcome.failure !== null && this.#failures >= TRIES_OF_FILES) this.#exclude(files, outcome.failure);
      // Another process ran the files, or they changed again: there is nothing to record.
      if (outcome.outcome !== "nothingNew") this.#ended = ranFiring(outcome, atMs, wallMs());
      onEnded();
    };
    void run(takes).then(end, (error: unknown) => end(failedRun(error)));
  }

  /** Excludes unreadable files, so that the next run begins at once with the others. */
  #exclude(files: readonly LocatedFile[], failure: ErrorData): void {
    const bad = unreadableFiles(failure);
    const named = files.filter(({ path }) => bad.has(path));
    if (named.length === 0) return;
    for (const file of named) this.#excluded.set(file.path, statOf(file));
    this.#failures = 0;
    this.#notBeforeMs = this.#options.nowMs();
    this.#options.onExcluded(
      named.map(({ path }) => path),
      failure,
    );
  }
}

const NOTHING: TriggerState = { schedule: "files", decidedMs: 0, waiting: [], past: [] };
