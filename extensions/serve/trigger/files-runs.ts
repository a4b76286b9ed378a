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
  /** What is new, as the next run would find it; null where there is no file at all. */
  readonly look: () => Promise<NextRun | null>;
  /** Begins the run over files that it takes, or goes on with one that has begun, and waits for its end. */
  readonly run: (takes: TakesFile) => Promise<RunOutcome | null>;
  /** By a clock that only goes forward. */
  readonly nowMs: () => number;
  readonly wallMs: () => number;
  /** Called when a run has ended: there is another step to make. */
  readonly onEnded: () => void;
  /** Called when runs go on without files that cannot be read. */
  readonly onSetAside: (paths: readonly string[], failure: ErrorData) => void;
}

/** What has failed is tried again after so long, and after twice as long each time it fails again. */
const RETRY_MS = 60_000;
const MOST_RETRY_MS = 3_600_000;

/** So often a run fails for files that cannot be read before the next one goes on without them. */
const TRIES_OF_FILES = 3;

/**
 * The runs over files that are new, one at a time. Nothing has to be remembered: which files are new, and
 * which run has begun and not ended, stands in the output. The ledger has only what people want to read.
 */
export class FilesRuns {
  readonly #options: FilesRunsOptions;
  readonly #quiet = new QuietFiles();
  #isRunning = false;
  #failures = 0;
  #notBeforeMs = Number.NEGATIVE_INFINITY;
  #ended: RanFiring | null = null;
  /** By path: size and version of files that no run reads until they change. */
  #aside = new Map<string, string>();

  constructor(options: FilesRunsOptions) {
    this.#options = options;
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** Notes what has ended, looks for files, and begins a run over those that are quiet. */
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
      const files = found.filter((file) => this.#aside.get(file.path) !== statOf(file));
      const quiet = this.#quiet.observe(files, quietMs, nowMs());
      if (quiet.count > 0) this.#begin((file) => quiet.has(file), files);
    }
  }

  /** @param files those that the run may take */
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
      if (outcome.failure !== null && this.#failures >= TRIES_OF_FILES)
        this.#setAside(files, outcome.failure);
      // Somebody else ran it, or the files changed once more: there is nothing to tell.
      if (outcome.outcome !== "nothingNew") this.#ended = ranFiring(outcome, atMs, wallMs());
      onEnded();
    };
    void run(takes).then(end, (error: unknown) => end(failedRun(error)));
  }

  /** The other files need not wait: the next run begins at once. */
  #setAside(files: readonly LocatedFile[], failure: ErrorData): void {
    const bad = unreadableFiles(failure);
    const named = files.filter(({ path }) => bad.has(path));
    if (named.length === 0) return;
    for (const file of named) this.#aside.set(file.path, statOf(file));
    this.#failures = 0;
    this.#notBeforeMs = this.#options.nowMs();
    this.#options.onSetAside(
      named.map(({ path }) => path),
      failure,
    );
  }
}

const NOTHING: TriggerState = { schedule: "files", decidedMs: 0, waiting: [], past: [] };
