import { setMaxListeners } from "node:events";
import type { TimedClock } from "../../shared/core/clock.ts";
import type { Digest } from "../../shared/core/digest.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { buildVersion, packageVersion } from "../../shared/core/package-root.ts";
import { withoutSecrets } from "../../shared/core/without-secrets.ts";
import { shownColumns } from "../../shared/dataset/field-differences.ts";
import type { InputFile } from "../../shared/domain/dataset.ts";
import type { PlannedJob } from "../../shared/domain/job.ts";
import type { JobId } from "../../shared/domain/job-id.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import { below } from "../../shared/domain/location.ts";
import type { OutputManifest } from "../../shared/domain/manifest.ts";
import { publishedFields } from "../../shared/domain/output-fields.ts";
import type { DeadLetter, PartialManifest } from "../../shared/domain/partial.ts";
import { partialRules } from "../../shared/domain/partial-layout.ts";
import { placeOfRow } from "../../shared/domain/row-place.ts";
import { requestedSidecars } from "../../shared/domain/sidecars.ts";
import { rowsShapeOf } from "../../shared/rows/rows-shape.ts";
import { ignorePlaceError } from "../../shared/storage/errors.ts";
import type { Storage, StoredChecksums } from "../../shared/storage/storage.ts";
import { BEACON_NAME } from "../commit/beacon.ts";
import { createPartialStore, type PartialStore } from "../commit/partial-store.ts";
import type { RunWatch } from "../insight/run-watch.ts";
import type { HeldLock } from "../journal/held-lock.ts";
import { asOutputFailed } from "../publish/output-failed.ts";
import { publishOutput } from "../publish/publish.ts";
import type { StagedOutput } from "../publish/publish-way.ts";
import { FolderWatch } from "../publish/shape/folder-watch.ts";
import { stageOutput } from "../publish/stage.ts";
import type { RunTasks } from "../publish/tasks-to-run.ts";
import type { WorkPaths } from "../publish/work-paths.ts";
import type { JobState } from "../schedule/state/job-state.ts";
import { committedPartials, poisonedRows } from "../schedule/state/progress.ts";
import type { JobSeams } from "./job-seams.ts";
import type { ShellWork } from "./job-shell.ts";
import { jobToShow } from "./job-view.ts";
import { verifyPatiently } from "./verify-patiently.ts";

interface JobOutputOptions {
  readonly jobId: JobId;
  readonly planned: PlannedJob;
  /** Versions of Shardmill that have worked on the job, the current one last. */
  readonly builds: readonly string[];
  /** Returns the job's state. Only read here, when reducing. */
  readonly state: () => JobState;
  readonly seams: JobSeams;
  readonly clock: TimedClock;
  readonly paths: WorkPaths;
  /** Storage of the output and the partials. */
  readonly storage: Storage;
  /** Checksums of the storage. Absent unless a probe has shown that they are reliable. */
  readonly checksums?: StoredChecksums | undefined;
  readonly runWatch: RunWatch;
  /** Runs tasks of a reduction on workers. */
  readonly runTasks: RunTasks;
  /**
   * Lock of the job. A coordinator that has lost it deletes and publishes nothing: another coordinator uses
   * these files.
   */
  readonly lock: Pick<HeldLock, "confirm" | "whyLost">;
  /** Input files of this run of an incremental job (`input.new`). Null for other jobs. */
  readonly inputFiles: OutputManifest["inputFiles"];
}

/** Output files of a job: checks partials, reduces, stages and publishes them. */
export class JobOutput implements ShellWork, AsyncDisposable {
  readonly partials: PartialStore;
  readonly #options: JobOutputOptions;
  readonly #paths: WorkPaths;
  readonly #abort = new AbortController();
  /** Null: the output has no partition folders. */
  readonly #folders: FolderWatch | null;
  #staged: StagedIn | null = null;
  #stages = 0;

  constructor(options: JobOutputOptions) {
    this.#options = options;
    // Many files are read concurrently under this signal.
    setMaxListeners(0, this.#abort.signal);
    const { planned, paths, storage, checksums, seams } = options;
    this.#paths = paths;
    this.partials = createPartialStore(paths.partials, partialRules(planned.spec), {
      storage,
      openChecker: seams.openChecker,
      isTrusted: checksums !== undefined,
      stores: planned.stores,
    });
    const { partitionBy = [] } = planned.spec.output;
    const watch = {
      ...{ partitionBy, storage, partials: paths.partials, signal: this.#abort.signal },
      earlier: () => committedPartials(options.state()),
    };
    this.#folders = partitionBy.length > 0 ? new FolderWatch(watch) : null;
  }

  async verify(partial: PartialManifest): Promise<void> {
    const { signal } = this.#abort;
    const { clock, storage } = this.#options;
    const { partials } = this.#paths;
    // Reads bytes, because access to an object's metadata is another permission than access to its content.
    const readsOwn = () =>
      storage.read(below(partials, BEACON_NAME), 0, 1, { signal }).then(
        () => true,
        () => false,
      );
    const onWait = (error: ShardmillError | null) => this.#options.runWatch.notePartialsWait(error);
    const graceMs = this.#options.state().config.storeGraceMs;
    const patience = { partials, clock, signal, readsOwn, graceMs, onWait };
    await verifyPatiently(() => this.partials.verifyPartial(partial, signal), patience);
    await this.#folders?.see(partial);
  }

  /**
   * Deletes a refused partial. A file that cannot be deleted now stays until the work files are removed. No
   * coordinator reads it, because the journal does not name it.
   */
  async discard(partial: PartialManifest): Promise<void> {
    const { lock } = this.#options;
    // Without a confirmed lock nothing is deleted.
    const confirmed = lock.confirm().then(() => this.partials.discardPartial(partial));
    await confirmed.catch(ignorePlaceError);
  }

  async reduce(): Promise<Digest> {
    this.#staged = await this.#stage();
    return this.#staged.output.manifest.outputDigest;
  }

  /**
   * Publishes the staged output. After a restart the output is staged again: the same commits must give the
   * digest that the intent announced.
   */
  async publish(outputDigest: Digest): Promise<void> {
    const { paths, output: staged } = this.#staged ?? (await this.#stage());
    const { manifest } = staged;
    if (manifest.outputDigest !== outputDigest) {
      throw new ShardmillError(
        "OUTPUT_FAILED",
        "the same partials produced another output than before the restart",
        {
          fields: { expected: outputDigest, found: manifest.outputDigest },
          hint: "run with --fresh: a reduction whose result differs each time (random(), now()) cannot be resumed",
        },
      );
    }
    const { storage, checksums, lock, runWatch } = this.#options;
    runWatch.endProgress = null;
    const confirm = () => lock.confirm();
    await publishOutput({ paths, storage, checksums, staged, confirm });
  }

  /** Aborts all running work, whose results are no longer needed. */
  stop(): void {
    this.#abort.abort(new ShardmillError("INTERRUPTED", "the job is over or its coordinator stops"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop();
    await this.partials[Symbol.asyncDispose]();
  }

  #stage(): Promise<StagedIn> {
    const what = "the output cannot be staged";
    const hint = "free space or repair the disk, then run the job again: it resumes";
    const paths = this.#nextStage();
    return asOutputFailed({ path: paths.stage, what, hint }, async () => ({
      paths,
      output: await this.#reduceAndStage(paths),
    }));
  }

  whyLost(): Promise<ShardmillError | null> {
    return this.#options.lock.whyLost();
  }

  /**
   * Names the folder of the next attempt to stage. In a bucket each attempt has a folder of its own. So a
   * late removal of an earlier attempt never deletes files of this one.
   */
  #nextStage(): WorkPaths {
    const { stage } = this.#paths;
    if (this.#options.storage.can.rename) return this.#paths;
    this.#stages += 1;
    return { ...this.#paths, stage: below(stage, `${this.#options.state().generation}-${this.#stages}`) };
  }

  async #reduceAndStage(paths: WorkPaths): Promise<StagedOutput> {
    const { planned, jobId, seams, storage, checksums, runWatch, lock, inputFiles } = this.#options;
    const { spec, map, reductions, tables, digests, stores } = planned;
    const { partBytes, sortMemory } = seams;
    const { runTasks } = this.#options;
    const fields = publishedFields(map);
    const shape = rowsShapeOf(spec.output);
    const state = this.#options.state();
    const signal = this.#abort.signal;
    // The map phase ends here: the following time counts as reducing.
    runWatch.look();
    const partials = committedPartials(state);
    // Every shard is committed, so any other partial has lost. Sweeping earlier would be wrong: a partial of
    // an earlier generation may still be offered for an open shard.
    await lock.confirm();
    await this.partials.sweep(partials, state.generation).catch(ignorePlaceError);
    const place = { paths, storage };
    const reduced = await seams.reduce({
      ...place,
      checksums,
      reduce: spec.reduce,
      reductions,
      tables,
      fields,
      partials,
      signal,
      runTasks,
      onHeavyKeys: (name, keys) => runWatch.tasks.noteHeavyKeys(name, keys),
      ...(partBytes === undefined ? {} : { partBytes }),
    });
    runWatch.look();
    return stageOutput({
      ...place,
      checksums,
      shape: shape === null ? null : { ...shape, stores, sortMemory, partBytes },
      runTasks,
      facts: () => ({
        job: { id: jobId, name: spec.name },
        digests,
        inputs: spec.input.path.map(withoutSecrets),
        inputFiles,
        columns: spec.output.rows === "none" ? null : shownColumns(fields),
        run: runWatch.facts("run"),
        history: runWatch.record(),
        marker: spec.output.marker,
        ...sidecarsAndJob(spec),
        builds: this.#options.builds,
        versions: versions(state.mapping),
      }),
      partials,
      reduced,
      poisoned: poisonedRows(state).map((letter) => inItsFile(letter, planned.dataset.files)),
      keep: map.keep,
      signal,
      onProgress: (progress) => {
        runWatch.endProgress = progress;
      },
      writePoisoned: seams.writePoisoned,
    });
  }
}

/** Returns the requested files beside the manifest, and the job that these files show. */
function sidecarsAndJob(spec: JobSpec) {
  const requested = requestedSidecars(spec.output);
  if (requested.length === 0) return {};
  const sidecars = Object.fromEntries(requested.map(({ key, file }) => [key, file]));
  return { sidecars, spec: jobToShow(spec) };
}

interface StagedIn {
  /** Paths with the stage folder of this attempt. */
  readonly paths: WorkPaths;
  readonly output: StagedOutput;
}

/** Returns the versions of the software that made this output, for comparing two outputs. */
function versions(mapping: string): Record<string, string> {
  const packages = ["onnxruntime-node", "apache-arrow", "parquet-wasm", "@duckdb/node-bindings"];
  const found = packages.map((name) => [name, packageVersion(name)] as const);
  return { shardmill: buildVersion, node: process.versions.node, ...Object.fromEntries(found), mapping };
}

/** Names the file of a row. In the journal, a list of files has the name of its first one. */
function inItsFile(letter: DeadLetter, files: readonly InputFile[]): DeadLetter {
  const file = files.find(({ path }) => path === letter.file);
  return file === undefined ? letter : { ...letter, ...placeOfRow(file, letter.row) };
}
