import type { ModelFile } from "../../../shared/domain/job.ts";
import type { JobStores } from "../../../shared/domain/job-stores.ts";
import { type FileStat, type Location, parseLocation } from "../../../shared/domain/location.ts";
import { isOnThisMachine } from "../../../shared/storage/local-paths.ts";
import { Storages } from "../../../shared/storage/open-storage.ts";

interface Looking {
  /** Settings of the job's stores, and the places that it may open. */
  readonly stores: JobStores;
  readonly signal: AbortSignal;
}

interface KnownModel {
  readonly model: ModelFile;
  /** Size and version of the model's own file and its external data files, when they were read. */
  readonly stats: readonly string[];
}

/**
 * Limit of cached models. Each has a signature and digests, and a coordinator rarely has jobs of more models
 * in turn.
 */
const MOST_KNOWN = 32;

/**
 * Cache of models on this machine, valid while size and version of their files are unchanged. A job with many
 * runs thus reads its model once.
 */
export class KnownModels {
  readonly #known = new Map<string, KnownModel>();

  /**
   * Returns the cached model of a path, or else the model that `read` returns. A job that may not open the
   * files gets no cached model.
   *
   * @throws what `read` throws
   */
  async model(path: string, looking: Looking, read: () => Promise<ModelFile>): Promise<ModelFile> {
    const location = parseLocation(path);
    if (!isOnThisMachine(location)) return await read();
    const known = this.#known.get(location);
    const isSame = known !== undefined && same(known.stats, await statsOf(filesOf(known.model), looking));
    if (known !== undefined && isSame) return known.model;
    const before = await statsOf([location], looking);
    const model = await read();
    const stats = await statsOf(filesOf(model), looking);
    // A model that changed while it was read is not cached.
    if (stats !== null && before?.[0] === stats[0]) this.#keep(location, { model, stats });
    return model;
  }

  #keep(location: Location, known: KnownModel): void {
    this.#known.delete(location);
    this.#known.set(location, known);
    const [oldest] = this.#known.keys();
    if (this.#known.size > MOST_KNOWN && oldest !== undefined) this.#known.delete(oldest);
  }
}

function filesOf({ path, externalData }: ModelFile): Location[] {
  return [path, ...externalData.map((data) => data.path)];
}

/** Returns the size and version of each file. Null: a file is missing or cannot be opened. */
async function statsOf(
  files: readonly Location[],
  { stores, signal }: Looking,
): Promise<readonly string[] | null> {
  await using storages = new Storages({}, { ...stores, addresses: {} });
  try {
    return await Promise.all(
      files.map(async (file) => textOf(await (await storages.at(file)).stat(file, signal))),
    );
  } catch {
    signal.throwIfAborted();
    return null;
  }
}

function textOf({ bytes, version }: FileStat): string {
  return `${bytes} ${version}`;
}

function same(known: readonly string[], now: readonly string[] | null): boolean {
  return now !== null && known.length === now.length && known.every((stat, index) => stat === now[index]);
}
