import { NEVER } from "../../shared/core/abort.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { mapConcurrent } from "../../shared/core/map-concurrent.ts";
import { below, type Location } from "../../shared/domain/location.ts";
import { MANIFEST_NAME, OUTPUT_FOLDERS, type OutputFile } from "../../shared/domain/manifest.ts";
import { sourceOfBytes } from "../../shared/storage/put-source.ts";
import { digestStored, readTextIfThere } from "../../shared/storage/whole-file.ts";
import { filesBelow } from "./files-below.ts";
import { refuseOtherOutput } from "./foreign-files.ts";
import type {
  Announcement,
  Part,
  PlaceOptions,
  PublishPlace,
  PublishWay,
  StagedOutput,
} from "./publish-way.ts";
import { manifestText, parseManifest } from "./read-manifest.ts";

/** Files linked or read at once: enough to hide a network file system's round trips. */
const FILES_AT_ONCE = 16;

/**
 * Publishes to a storage that renames folders. Builds each folder in the stage and gives it its name by one
 * rename. The files are links to the partials' files. The partials stay, so every step can be repeated.
 *
 * A rename never replaces a folder that has something in it:
 *
 * | found | done |
 * |---|---|
 * | no folder | the staged folder is renamed |
 * | the folder, with exactly the output's files | nothing: an earlier try got this far |
 * | a folder with anything else | refused |
 */
export class RenamingWay implements PublishWay {
  readonly #place: PublishPlace;

  constructor(place: PublishPlace) {
    this.#place = place;
  }

  async stage(parts: readonly Part[], signal: AbortSignal): Promise<void> {
    const { storage, paths } = this.#place;
    const { stage } = paths;
    const link = (from: Location, to: Location) =>
      storage.can.link ? storage.link(from, to) : storage.copy(from, to, signal);
    await mapConcurrent(parts, FILES_AT_ONCE, async ({ from, output }) => {
      signal.throwIfAborted();
      const staged = below(stage, output.path);
      if (from !== staged) await link(from, staged);
    });
    const folders = new Set(parts.flatMap(({ output }) => foldersTo(output.path)));
    for (const folder of folders) await storage.sync(below(stage, folder));
  }

  /**
   * Puts the manifest as the intent. An intent of an earlier try is published unchanged. Readers may have
   * seen its manifest, even if a power cut has removed it since.
   */
  async announce(staged: StagedOutput, confirm: PlaceOptions["confirm"]): Promise<Announcement> {
    const { storage, paths } = this.#place;
    const { publishing, output, stage, work } = paths;
    const { manifest } = staged;
    const text = await readTextIfThere(storage, publishing, NEVER);
    const before = text === null ? null : parseManifest(text, publishing);
    if (text !== null && before?.outputDigest === manifest.outputDigest) {
      await storage.put(below(stage, MANIFEST_NAME), sourceOfBytes(text), { signal: NEVER });
      await storage.sync(work);
      return { kind: "announced", resumed: true, staged: { ...staged, manifest: before } };
    }
    // Replace the intent of another output only if this output has every file that is already placed.
    if (before !== null) await refuseOtherOutput(output, manifest, storage);
    const making = below(stage, "publishing.json");
    // The intent is the staged manifest, whose bytes are durable: a link needs no further sync.
    await storage.remove(making, NEVER);
    if (storage.can.link) await storage.link(below(stage, MANIFEST_NAME), making);
    else await storage.put(making, sourceOfBytes(manifestText(manifest)), { signal: NEVER });
    await confirm();
    await storage.rename(making, publishing);
    await storage.sync(work);
    return { kind: "announced", resumed: false, staged };
  }

  /** Does nothing: `stage` has just made the links. */
  async confirmSources(): Promise<void> {}

  async place(
    kind: OutputFile["kind"],
    parts: readonly Part[],
    { confirm }: Pick<PlaceOptions, "confirm">,
  ): Promise<void> {
    const { storage, paths } = this.#place;
    const { output, stage } = paths;
    const target = below(output, OUTPUT_FOLDERS[kind]);
    const names = await filesBelow(target, storage);
    if (names !== null && names.length > 0) return await this.#checkPlaced(kind, parts, names);
    await confirm();
    await storage.rename(below(stage, OUTPUT_FOLDERS[kind]), target);
  }

  /** Does nothing: each folder was renamed whole. */
  async confirmPlaced(): Promise<void> {}

  /** Checks the folder that an earlier try renamed. Reads every file, because this hardly ever happens. */
  async #checkPlaced(
    kind: OutputFile["kind"],
    parts: readonly Part[],
    names: readonly string[],
  ): Promise<void> {
    const { storage, paths } = this.#place;
    const { output } = paths;
    const folder = OUTPUT_FOLDERS[kind];
    const path = below(output, folder);
    const refuse = (name: string) =>
      new ShardmillError(
        "OUTPUT_OCCUPIED",
        `${path} already exists, and does not belong to this job: ${name} differs`,
        {
          fields: { path, name },
          hint: "choose another output.path, or move the folder away and run again",
        },
      );
    const expected = new Set(parts.map((part) => part.output.path.slice(folder.length + 1)));
    const found = new Set(names);
    const differs =
      names.find((name) => !expected.has(name)) ?? [...expected].find((name) => !found.has(name));
    if (differs !== undefined) throw refuse(differs);
    await mapConcurrent(parts, FILES_AT_ONCE, async ({ output: file }) => {
      const { bytes, sha256 } = await digestStored(storage, below(output, file.path), { signal: NEVER });
      if (bytes !== file.bytes || sha256 !== file.sha256) throw refuse(file.path);
    });
  }
}

/** Returns the folders of a path: `rows` and `rows/day=1` for `rows/day=1/part-00000.parquet`. */
function foldersTo(path: string): string[] {
  const names = path.split("/").slice(0, -1);
  return names.map((_, index) => names.slice(0, index + 1).join("/"));
}
