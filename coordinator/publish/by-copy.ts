import { ShardmillError } from "../../shared/core/errors.ts";
import { mapConcurrent } from "../../shared/core/map-concurrent.ts";
import { below, type Location } from "../../shared/domain/location.ts";
import type { OutputFile } from "../../shared/domain/manifest.ts";
import type { Entry } from "../../shared/storage/storage.ts";
import type { Part, PlaceOptions, PublishPlace, PublishWay } from "./publish-way.ts";

/** Each is a call that moves no bytes through here: the storage copies by itself. */
const COPIES_AT_ONCE = 16;

/**
 * Where folders cannot be renamed: copies each file to its name. Until the manifest is there, readers that do
 * not ask for it see files come, each whole and each once.
 *
 * A copy replaces what is there. So it must be ours:
 *
 * | found in the folder | done |
 * |---|---|
 * | nothing | the files are copied |
 * | files of the output, after an earlier try had begun | they are copied again, which changes nothing |
 * | anything else | refused |
 */
export class CopyingWay implements PublishWay {
  readonly #place: PublishPlace;

  constructor(place: PublishPlace) {
    this.#place = place;
  }

  /** The files are copied from where they are. */
  async stage(): Promise<void> {}

  /** Copying takes minutes: the lock is made sure of before each of them. */
  async place(
    kind: OutputFile["kind"],
    parts: readonly Part[],
    { resumed, confirm }: PlaceOptions,
  ): Promise<void> {
    const { storage, output } = this.#place;
    const folder = below(output, kind);
    await this.#refuseForeign(folder, resumed ? parts : []);
    await mapConcurrent(parts, COPIES_AT_ONCE, async ({ from, output: file }) => {
      await confirm();
      await storage.copy(from, below(output, file.path));
    });
    await storage.sync(folder);
    await this.#refuseForeign(folder, parts);
  }

  /** @throws {OUTPUT_OCCUPIED} when there is anything but `own` in the folder, each of its size */
  async #refuseForeign(folder: Location, own: readonly Part[]): Promise<void> {
    const { storage, output } = this.#place;
    const bytesOf = new Map(own.map((part) => [below(output, part.output.path), part.output.bytes]));
    for await (const { name, stat } of this.#entriesOf(folder)) {
      const location = below(folder, name);
      const bytes = bytesOf.get(location);
      if (bytes !== undefined && (stat ?? (await storage.stat(location))).bytes === bytes) continue;
      throw new ShardmillError("OUTPUT_OCCUPIED", `${location} is there already and is not this job's`, {
        fields: { path: folder, name },
        hint: "choose another output.path, or move the folder away and run again",
      });
    }
  }

  async *#entriesOf(folder: Location): AsyncGenerator<Entry> {
    const { storage } = this.#place;
    if ((await storage.kindAt(folder)) === null) return;
    for await (const page of storage.list(folder)) yield* page;
  }
}
