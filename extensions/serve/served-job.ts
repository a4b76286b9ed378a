import { dirname, resolve } from "node:path";
import type { JobSeams } from "../../coordinator/job/job-seams.ts";
import type { LockSeams } from "../../coordinator/journal/lock.ts";
import type { OutputPaths } from "../../coordinator/publish/work-paths.ts";
import { type NextRun, nextRun } from "../../coordinator/runs/next-run.ts";
import type { KnownRuns } from "../../coordinator/runs/read-runs.ts";
import { sealedInputOf } from "../../coordinator/runs/sealed-input-of.ts";
import type { TimedClock } from "../../shared/core/clock.ts";
import { errorToData, isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import type { Logger } from "../../shared/core/log.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import { parseLocation } from "../../shared/domain/location.ts";
import type { TakesFile } from "../../shared/domain/new-input.ts";
import type { ServedFacts } from "../../shared/domain/served-status.ts";
import type { StandingCoordinator } from "../../shared/extension/standing.ts";
import { readJobText } from "../../shared/job-file/read-job-file.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { QueueRuns } from "./queue/queue-runs.ts";
import { type OwnOptions, servedRun, whole } from "./served-run.ts";
import { firingAt } from "./spec/firing.ts";
import { parseTriggered } from "./spec/parse-triggered.ts";
import { openSchedule } from "./spec/schedule.ts";
import type { Trigger } from "./spec/trigger-spec.ts";
import type { TriggeredSource } from "./spec/triggered-source.ts";
import { FilesRuns } from "./trigger/files-runs.ts";
import { RunFacts } from "./trigger/run-facts.ts";
import { type DecidedRun, type RunOutcome, reasonText } from "./trigger/run-outcome.ts";
import { TimedRuns } from "./trigger/timed-runs.ts";
import { ledgerFolder, TriggerLedger } from "./trigger/trigger-ledger.ts";

export interface ServedJobOptions {
  /** Path of the job file. The file is read again before each decision, so changes need no restart. */
  readonly path: string;
  readonly env: NodeJS.ProcessEnv;
  readonly submit: StandingCoordinator["submit"];
  readonly seams: Pick<JobSeams, keyof LockSeams | "openStorage" | "isGuarded">;
  readonly clock: TimedClock;
  readonly log: Logger;
  /** Signal that interrupts runs, which can be resumed after a restart. */
  readonly signal: AbortSignal;
}

/** Resources of a job whose file could be read once. */
interface Opened {
  /** `output.path` of the job file. */
  readonly output: string;
  readonly ledger: TriggerLedger;
  readonly timed: TimedRuns;
  readonly files: FilesRuns;
  readonly queue: QueueRuns;
}

/** Longest interval between checks for due work. Machines sleep, clocks are set, and job files change. */
const LOOK_MS = 10_000;

/** Served job file: watches its trigger, and begins its runs. */
export class ServedJob implements AsyncDisposable {
  readonly #options: ServedJobOptions;
  readonly #known: KnownRuns = new Map();
  #source: { readonly text: string; readonly read: TriggeredSource } | null = null;
  #opened: Opened | null = null;
  readonly #runs = new RunFacts();
  #trouble: string | null = null;
  #isDue = false;
  #wake: () => void = () => {};

  constructor(options: ServedJobOptions) {
    this.#options = options;
  }

  /**
   * Reads the job file, and locks its ledger for this process.
   *
   * @throws {SPEC_INVALID} when the job file is invalid
   * @throws {LEDGER_LOCKED} when another process serves the job
   * @throws {STATE_FAILED} when the ledger cannot be read or written
   */
  async open(): Promise<void> {
    const { source } = await this.#read();
    await this.#openLedger(source);
  }

  /** Returns facts for metrics. Null: the job is not open yet. */
  facts(): ServedFacts | null {
    if (this.#opened === null || this.#source === null) return null;
    const { ledger, timed, files, queue } = this.#opened;
    const { spec, trigger } = this.#source.read;
    return {
      name: spec.name,
      nextMs:
        trigger?.kind === "timed" ? openSchedule(trigger.schedule).next(this.#options.clock.wallMs()) : null,
      isRunning: timed.isRunning || files.isRunning || (queue.facts()?.openWindows ?? 0) > 0,
      queue: queue.facts(),
      ...this.#runs.facts(ledger.state),
      skippedTimes: timed.skippedTimes,
    };
  }

  /** Serves until the signal is aborted. Failures are logged and retried. */
  async serve(): Promise<void> {
    const { signal, log, path } = this.#options;
    while (!signal.aborted) {
      let waitMs = LOOK_MS;
      try {
        waitMs = await this.#look();
        this.#trouble = null;
      } catch (error) {
        const message = reasonText(errorToData(error));
        if (!signal.aborted && message !== this.#trouble)
          log.error({ jobFile: path, reason: message }, "a trigger cannot be served, retrying");
        this.#trouble = message;
      }
      await this.#pause(waitMs);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened?.queue[Symbol.asyncDispose]();
    await this.#opened?.ledger[Symbol.asyncDispose]();
  }

  /**
   * Does what is due.
   *
   * @returns time until the next check
   */
  async #look(): Promise<number> {
    const { clock } = this.#options;
    const { source, trigger } = await this.#read();
    const { timed, files, queue, output } = this.#opened ?? (await this.#openLedger(source));
    if (source.spec.output.path !== output) throw otherOutput(output);
    if (trigger.kind === "queue") {
      if (!timed.isRunning && !files.isRunning) await queue.step(trigger);
      return LOOK_MS;
    }
    await queue.stop();
    if (trigger.kind === "files") {
      // A run of the previous trigger must end first.
      if (timed.isRunning) return LOOK_MS;
      await files.step(trigger);
      return trigger.lookMs;
    }
    if (files.isRunning) return LOOK_MS;
    await timed.step(trigger);
    const nowMs = clock.wallMs();
    const nextMs = openSchedule(trigger.schedule).next(nowMs) ?? Number.POSITIVE_INFINITY;
    return Math.min(LOOK_MS, nextMs - nowMs);
  }

  async #read(): Promise<{ readonly source: TriggeredSource; readonly trigger: Trigger }> {
    const { path, env, clock } = this.#options;
    const text = await readJobText(path);
    if (this.#source?.text !== text) {
      const read = parseTriggered(text, { path, set: [], env }, clock.wallMs());
      this.#source = { text, read };
    }
    const source = this.#source.read;
    const { trigger } = source;
    if (trigger === null) throw noTrigger(path);
    return { source, trigger };
  }

  async #openLedger({ spec }: TriggeredSource): Promise<Opened> {
    const { seams, clock, log, signal } = this.#options;
    const storage = await seams.openStorage(parseLocation(spec.output.path), spec, seams);
    const folder = await ledgerFolder(spec, storage);
    const ledger = await TriggerLedger.open({ folder, seams, clock, log, signal });
    const shared = { ledger, wallMs: () => clock.wallMs(), onEnded: () => this.#soon() };
    const timed = new TimedRuns({
      ...shared,
      run: (atMs) => this.#runAt(atMs),
      onNoted: (ran, isBegunAgain) => this.#runs.add(ran, isBegunAgain),
    });
    const files = new FilesRuns({
      ...shared,
      nowMs: () => clock.nowMs(),
      look: () => this.#newFiles(),
      run: (takes) => this.#runs.counted(this.#runNewFiles(takes), false),
      onExcluded: (paths, failure) =>
        log.error(
          { files: paths, reason: reasonText(failure) },
          "files cannot be read, so runs exclude them until they change",
        ),
    });
    const queue = this.#queueRuns(spec, folder, storage);
    this.#opened = { output: spec.output.path, ledger, timed, files, queue };
    return this.#opened;
  }

  #queueRuns({ name, output }: JobSpec, folder: string, storage: Storage): QueueRuns {
    const { clock, log, signal, path } = this.#options;
    return new QueueRuns({
      folder,
      jobFolder: dirname(resolve(path)),
      name,
      place: { output: parseLocation(output.path), storage },
      run: (id, specOf, { signal: own, ...options }) =>
        this.#runs.counted(
          this.#run(id, (source) => specOf(this.#specNow(source)), options, own),
          true,
        ),
      clock,
      log,
      signal,
    });
  }

  #runAt(atMs: number): Promise<RunOutcome | null> {
    return whole(this.#run(firingAt(atMs).id, (source) => source.runAt(firingAt(atMs)).spec, {}));
  }

  #runNewFiles(takes: TakesFile): Promise<RunOutcome | null> {
    return whole(this.#run("of new files", (source) => this.#specNow(source), { takes }));
  }

  #run(
    run: string,
    specOf: (source: TriggeredSource) => JobSpec,
    options: OwnOptions,
    signal = this.#options.signal,
  ): Promise<DecidedRun | null> {
    const { submit, log } = this.#options;
    const spec = async () => {
      const { source } = await this.#read();
      if (source.spec.output.path !== this.#opened?.output) throw otherOutput(this.#opened?.output ?? "");
      return specOf(source);
    };
    return servedRun({ run, spec, submit, options, log, signal });
  }

  async #newFiles(): Promise<NextRun | null> {
    const { seams, signal } = this.#options;
    const { source } = await this.#read();
    const spec = this.#specNow(source);
    const storage = await seams.openStorage(parseLocation(spec.output.path), spec, seams);
    const sealedInput = (paths: OutputPaths) => sealedInputOf(paths, { disk: seams.disk, storage });
    const reading = { storage, sealedInput, signal, isGuarded: seams.isGuarded };
    try {
      return await nextRun(spec, { ...reading, fresh: false, known: this.#known });
    } catch (error) {
      if (isShardmillError(error, "INPUT_NOT_FOUND")) return null;
      throw error;
    }
  }

  #specNow(source: TriggeredSource): JobSpec {
    return source.runAt(firingAt(this.#options.clock.wallMs())).spec;
  }

  /** Ends the pause, because there is work to do. */
  #soon(): void {
    this.#isDue = true;
    this.#wake();
  }

  async #pause(ms: number): Promise<void> {
    const { clock, signal } = this.#options;
    if (!this.#isDue && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const callOff = clock.after(ms, () => this.#wake());
        this.#wake = () => {
          callOff();
          signal.removeEventListener("abort", this.#wake);
          this.#wake = () => {};
          resolve();
        };
        signal.addEventListener("abort", this.#wake, { once: true });
      });
    }
    this.#isDue = false;
  }
}

function noTrigger(path: string): ShardmillError {
  return new ShardmillError("SPEC_INVALID", "the job file has no trigger", {
    fields: { path },
    problems: [
      {
        where: path,
        what: "does not say when to run",
        expected: "a `trigger` with `cron`, `every`, `files` or `queue`",
      },
    ],
  });
}

function otherOutput(output: string): ShardmillError {
  return new ShardmillError("SPEC_INVALID", "the job's output has changed since it was first served", {
    fields: { output },
    problems: [
      {
        where: "output.path",
        what: "has changed, or contains a variable of a run",
        expected: output,
        hint: "restart `serve` to move the runs. Remove variables of a run: each run has its own folder anyway",
      },
    ],
  });
}
