import type { ModelFile } from "../../../shared/domain/job.ts";
import type { JobStores } from "../../../shared/domain/job-stores.ts";
import { type FileStat, type Location, parseLocation } from "../../../shared/domain/location.ts";
import { isOnThisMachine } from "../../../shared/storage/local-paths.ts";
import { Storages } from "../../../shared/storage/open-storage.ts";

interface Looking {
  /** What the job says of its stores, and what may be opened of it. */
  readonly stores: JobStores;
  readonly signal: AbortSignal;
}

interface KnownModel {
  readonly model: ModelFile;
  /** Of its own file and of those that it keeps tensors in, when it was read. */
  readonly stats: readonly string[];
}

/** Each has a signature and digests: of more models a coordinator hardly has jobs in turn. */
const MOST_KNOWN = 32;

/**
 * Models of this machine that were read before, and whose files are as they were, by size and time of change:
 * a job that is run over window after window reads its model once.
 */
export class KnownModels {
  readonly #known = new Map<string, KnownModel>();

  /**
   * The model at a path as it is known; else as `read` reads it. What may not be opened for a job is not
   * known for it.
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
    // One that changed meanwhile is looked at again.
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

/** Null when one of them is not there. */
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
