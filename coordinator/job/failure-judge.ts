import type { PlannedJob } from "../../shared/domain/job.ts";
import { stepFiles } from "../../shared/domain/module-reduction.ts";
import { type StorageOpeners, Storages } from "../../shared/storage/open-storage.ts";
import { digestStored } from "../../shared/storage/whole-file.ts";
import type { FailureReason } from "../schedule/state/record.ts";

type JudgedFiles = {
  readonly stores: PlannedJob["stores"];
  readonly dataset: Pick<PlannedJob["dataset"], "files">;
  readonly model: Pick<PlannedJob["model"], "path" | "sha256" | "externalData">;
  readonly map: Pick<PlannedJob["map"], "prepare" | "finish">;
  readonly reductions: PlannedJob["reductions"];
};

/**
 * Judges what a worker says of the job's own files. That they changed ends the job, so one worker's word is
 * not enough: it may lack a mount, or have another file at that path. Where the coordinator still sees what
 * was planned, the worker is to blame, and the shard runs again elsewhere.
 */
export class FailureJudge {
  readonly #files: JudgedFiles;
  readonly #openers: StorageOpeners | undefined;
  /** A model may have gigabytes: however many workers complain, it is read by one at a time. */
  #readingModel: Promise<boolean> | null = null;

  /** @param openers others than the usual ones */
  constructor(files: JudgedFiles, openers?: StorageOpeners) {
    this.#files = files;
    this.#openers = openers;
  }

  async judge(reason: FailureReason): Promise<FailureReason> {
    if (reason.code === "INPUT_CHANGED" && (await this.#inputIsAsPlanned(reason.fields.path)))
      return seenOtherwise(reason, "file");
    if (reason.code === "MODEL_CHANGED" && (await this.#modelIsAsPlanned()))
      return seenOtherwise(reason, "model");
    return reason;
  }

  async #inputIsAsPlanned(path: unknown): Promise<boolean> {
    const planned = this.#files.dataset.files.find((file) => file.path === path);
    if (planned === undefined) return false;
    await using storages = new Storages(this.#openers, this.#files.stores);
    const stat = await storages
      .at(planned.path)
      .then((storage) => storage.stat(planned.path))
      .catch(() => null);
    return stat?.bytes === planned.bytes && stat.version === planned.version;
  }

  async #modelIsAsPlanned(): Promise<boolean> {
    this.#readingModel ??= this.#readModel().finally(() => {
      this.#readingModel = null;
    });
    return await this.#readingModel;
  }

  async #readModel(): Promise<boolean> {
    const { model } = this.#files;
    await using storages = new Storages(this.#openers, this.#files.stores);
    const files = stepFiles(this.#files).map(({ location, sha256 }) => ({ path: location, sha256 }));
    for (const { path, sha256 } of [model, ...model.externalData, ...files]) {
      const found = await storages
        .at(path)
        .then((storage) => digestStored(storage, path))
        .catch(() => null);
      if (found?.sha256 !== sha256) return false;
    }
    return true;
  }
}

function seenOtherwise({ message, fields }: FailureReason, what: string): FailureReason {
  return {
    code: "STORE_REFUSED",
    message: `the worker sees another ${what} than the coordinator, or none: ${message}`,
    fields,
  };
}
