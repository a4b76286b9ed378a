import { NEVER } from "../../shared/core/abort.ts";
import { isShardmillError, messageOf } from "../../shared/core/errors.ts";
import type { ModelFile, PlannedJob } from "../../shared/domain/job.ts";
import { stepFiles } from "../../shared/domain/reduction-binding.ts";
import { findFile } from "../../shared/domain/row-place.ts";
import { isNotAFile, isStoreUnavailable } from "../../shared/storage/errors.ts";
import { type StorageOpeners, Storages } from "../../shared/storage/open-storage.ts";
import { digestStored } from "../../shared/storage/whole-file.ts";
import type { FailureReason } from "../schedule/state/record.ts";

type JudgedModel = Pick<ModelFile, "path" | "sha256" | "externalData">;

type JudgedFiles = {
  readonly stores: PlannedJob["stores"];
  readonly dataset: Pick<PlannedJob["dataset"], "files">;
  readonly model: JudgedModel | null;
  readonly stages: readonly { readonly model: JudgedModel }[];
  readonly map: Pick<PlannedJob["map"], "prepare" | "finish">;
  readonly reductions: PlannedJob["reductions"];
  readonly tables: PlannedJob["tables"];
};

/** State of a file as this coordinator sees it. */
type Look =
  | { readonly kind: "asPlanned" }
  | { readonly kind: "changed" }
  | { readonly kind: "unseen"; readonly why: string };

/**
 * Judges a worker's failures by what the coordinator itself sees. A changed file ends the job, so the report
 * of one worker is not enough. That worker may lack a mount, or have another file at the path. Where the
 * coordinator still sees the planned file, the worker is unfit for the job. An unavailable store is neither
 * the file's fault nor the worker's.
 */
export class FailureJudge {
  readonly #files: JudgedFiles;
  readonly #openers: StorageOpeners | undefined;
  /** Read in progress, shared by all reports: a model may have gigabytes. */
  #readingModel: Promise<Look> | null = null;

  /** @param openers replace the default openers */
  constructor(files: JudgedFiles, openers?: StorageOpeners) {
    this.#files = files;
    this.#openers = openers;
  }

  async judge(reason: FailureReason): Promise<FailureReason> {
    if (isStoreUnavailable(reason)) return { ...reason, code: "STORE_UNAVAILABLE" };
    if (reason.code === "INPUT_CHANGED")
      return judgedBy(await this.#lookAtInput(reason.fields.path), reason, "file");
    if (reason.code === "MODEL_CHANGED") return judgedBy(await this.#lookAtModel(), reason, "model");
    return reason;
  }

  async #lookAtInput(path: unknown): Promise<Look> {
    const planned = findFile(this.#files.dataset.files, path);
    if (planned === undefined) return { kind: "changed" };
    await using storages = new Storages(this.#openers, this.#files.stores);
    return await lookBy(async () => {
      const { bytes, version } = await (await storages.at(planned.path)).stat(planned.path, NEVER);
      return bytes === planned.bytes && version === planned.version;
    });
  }

  async #lookAtModel(): Promise<Look> {
    this.#readingModel ??= this.#readModel().finally(() => {
      this.#readingModel = null;
    });
    return await this.#readingModel;
  }

  async #readModel(): Promise<Look> {
    const { model, stages } = this.#files;
    await using storages = new Storages(this.#openers, this.#files.stores);
    const models = [...stages.map((stage) => stage.model), ...(model === null ? [] : [model])];
    const own = models.flatMap((each) => [each, ...each.externalData]);
    const files = stepFiles(this.#files).map(({ location, sha256 }) => ({ path: location, sha256 }));
    let seen: Look = { kind: "asPlanned" };
    for (const { path, sha256 } of [...own, ...files]) {
      const look = await lookBy(
        async () => (await digestStored(await storages.at(path), path, { signal: NEVER })).sha256 === sha256,
      );
      if (look.kind === "changed") return look;
      if (look.kind === "unseen") seen = look;
    }
    return seen;
  }
}

/** Compares a file with the plan. A storage that cannot answer proves no change: the network may be down. */
async function lookBy(isAsPlanned: () => Promise<boolean>): Promise<Look> {
  try {
    return { kind: (await isAsPlanned()) ? "asPlanned" : "changed" };
  } catch (error) {
    const isMissing = isShardmillError(error, "STORE_NOT_FOUND") || isNotAFile(error);
    return isMissing ? { kind: "changed" } : { kind: "unseen", why: messageOf(error) };
  }
}

function judgedBy(look: Look, reason: FailureReason, what: string): FailureReason {
  if (look.kind === "changed") return reason;
  const { message, fields } = reason;
  if (look.kind === "asPlanned") return seenOtherwise(reason, what);
  const unseen = `the coordinator cannot check that the ${what} changed (${look.why}), as the worker reports`;
  return { code: "STORE_FAILED", message: `${unseen}: ${message}`, fields };
}

function seenOtherwise({ message, fields }: FailureReason, what: string): FailureReason {
  return {
    code: "WORKER_UNFIT",
    message: `the worker sees another ${what} than the coordinator, or none: ${message}`,
    fields,
    hint: "mount the same storage at the same path on the worker, or start it with --data auto",
  };
}
