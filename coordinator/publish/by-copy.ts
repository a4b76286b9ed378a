import { NEVER } from "../../shared/core/abort.ts";
import type { Digest } from "../../shared/core/digest.ts";
import { isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import { mapConcurrent } from "../../shared/core/map-concurrent.ts";
import { below, type Location } from "../../shared/domain/location.ts";
import { OUTPUT_FOLDERS, type OutputFile } from "../../shared/domain/manifest.ts";
import { wrongDigest } from "../../shared/storage/errors.ts";
import { sourceOfBytes } from "../../shared/storage/put-source.ts";
import type { Entry, StoredFile } from "../../shared/storage/storage.ts";
import { digestStored } from "../../shared/storage/whole-file.ts";
import { refuseOtherOutput } from "./foreign-files.ts";
import { type Intent, intentText, readIntentIfThere } from "./intent.ts";
import { mayBeFolder, OUTPUT_KINDS } from "./layout.ts";
import type {
  Announcement,
  Part,
  PlaceOptions,
  PublishPlace,
  PublishWay,
  StagedOutput,
} from "./publish-way.ts";

/** Copies at once. The storage copies by itself, so no bytes pass through the coordinator. */
const COPIES_AT_ONCE = 16;

/**
 * Publishes to a storage that cannot rename folders: copies each file to its final name. Until the manifest
 * is there, a reader that ignores it sees files appear one by one, each whole.
 *
 * A copy replaces the file at its target, so the target must be ours:
 *
 * | found in the folder | done |
 * |---|---|
 * | nothing | the files are copied |
 * | files of the output, after an earlier try had begun | copied again, unless the store's checksum matches |
 * | anything else | refused |
 */
export class CopyingWay implements PublishWay {
  readonly #place: PublishPlace;

  constructor(place: PublishPlace) {
    this.#place = place;
  }

  /** Does nothing: `place` copies the files from where they are. */
  async stage(): Promise<void> {}

  /**
   * Puts the intent only where there is none. Coordinators on several machines do not see each other's locks,
   * so the first intent decides.
   */
  async announce(staged: StagedOutput, confirm: PlaceOptions["confirm"]): Promise<Announcement> {
    const { storage, paths } = this.#place;
    const before = await readIntentIfThere(paths, storage);
    if (before !== null) return await this.#announced(before, staged, confirm);
    const source = sourceOfBytes(intentText(staged, paths));
    await confirm();
    try {
      await storage.put(paths.publishing, source, { ifAbsent: true, signal: NEVER });
      return { kind: "announced", resumed: false, staged };
    } catch (error) {
      const first = isShardmillError(error, "STORE_EXISTS") ? await readIntentIfThere(paths, storage) : null;
      if (first === null) throw error;
      return await this.#announced(first, staged, confirm);
    }
  }

  async #announced(
    before: Intent,
    staged: StagedOutput,
    confirm: PlaceOptions["confirm"],
  ): Promise<Announcement> {
    const { storage, paths } = this.#place;
    const { manifest } = staged;
    if (before.manifest.outputDigest === manifest.outputDigest)
      return { kind: "announced", resumed: true, staged: { ...staged, manifest: before.manifest } };
    // Another coordinator, or an earlier try of this run, put it and may be copying its files: keep it.
    if (paths.run !== null) return { kind: "taken", by: before };
    // No other coordinator can be here. Replace the intent if this output has all placed files.
    await refuseOtherOutput(paths.output, manifest, storage);
    await confirm();
    await storage.put(paths.publishing, sourceOfBytes(intentText(staged, paths)), { signal: NEVER });
    return { kind: "announced", resumed: false, staged };
  }

  /** Confirms the lock before each copy, because copying takes minutes. */
  async place(
    kind: OutputFile["kind"],
    parts: readonly Part[],
    { resumed, confirm }: PlaceOptions,
  ): Promise<void> {
    const { storage, paths } = this.#place;
    const folder = below(paths.output, OUTPUT_FOLDERS[kind]);
    const there = await this.#refuseForeign(folder, resumed ? parts : []);
    await mapConcurrent(parts, COPIES_AT_ONCE, async ({ from, output: file }) => {
      await confirm();
      const to = below(paths.output, file.path);
      if (there.has(to) && (await this.#stored(to))?.sha256 === file.sha256) return;
      await storage.copy(from, to, NEVER).catch((error: unknown) => {
        // The source is gone, but an earlier try has copied the file. The check below verifies that copy.
        if (!there.has(to) || !isShardmillError(error, "STORE_NOT_FOUND")) throw error;
      });
      const { sha256, isRight } = await this.#compared(to, file);
      if (isRight) return;
      // Readers look for this name, and the next try would refuse the file.
      await storage.remove(to, NEVER).catch(() => {});
      throw wrongDigest(to, file.sha256, sha256);
    });
    await storage.sync(folder);
    await this.#refuseMissing(folder, parts);
  }

  /** Checks the sources of the files that are not yet placed. */
  async confirmSources({ parts }: StagedOutput): Promise<void> {
    const { storage, paths } = this.#place;
    const missingParts = await mapConcurrent(parts, COPIES_AT_ONCE, async ({ from, output: file }) => {
      if ((await storage.kindAt(from, NEVER)) !== null) return [];
      const to = below(paths.output, file.path);
      const isPlaced =
        (await storage.kindAt(to, NEVER)) === "file" && (await this.#compared(to, file)).isRight;
      return isPlaced ? [] : [from];
    });
    const [first, ...more] = missingParts.flat();
    if (first !== undefined)
      throw sourcesMissing(paths.output, { first, missing: 1 + more.length, of: parts.length });
  }

  async confirmPlaced({ parts }: StagedOutput): Promise<void> {
    for (const kind of OUTPUT_KINDS) {
      const placed = parts.filter(({ output }) => output.kind === kind);
      if (placed.length === 0) continue;
      await this.#refuseMissing(below(this.#place.paths.output, OUTPUT_FOLDERS[kind]), placed);
    }
  }

  /** Checks that a listing of the folder shows every file that the manifest will name. */
  async #refuseMissing(folder: Location, parts: readonly Part[]): Promise<void> {
    const there = await this.#refuseForeign(folder, parts);
    const [missing] = parts.filter(({ output }) => !there.has(below(this.#place.paths.output, output.path)));
    if (missing === undefined) return;
    const { path, bytes } = missing.output;
    throw new ShardmillError("OUTPUT_FAILED", `${path} is missing from ${folder} after it was copied there`, {
      fields: { path: below(this.#place.paths.output, path), expected: bytes, found: null },
      hint: "check what removes files there, then run the job again: it resumes",
    });
  }

  async #compared(
    to: Location,
    file: OutputFile,
  ): Promise<{ readonly sha256: Digest; readonly isRight: boolean }> {
    const { bytes, sha256 } =
      (await this.#stored(to)) ?? (await digestStored(this.#place.storage, to, { signal: NEVER }));
    return { sha256, isRight: bytes === file.bytes && sha256 === file.sha256 };
  }

  /** Returns the store's own checksum of a file. Null: none, or the store's checksums are not trusted. */
  async #stored(location: Location): Promise<StoredFile | null> {
    return (await this.#place.checksums?.of(location, NEVER)) ?? null;
  }

  /**
   * Returns the files of `own` that are in the folder with the expected size.
   *
   * @throws {OUTPUT_OCCUPIED} when there is anything else in the folder
   */
  async #refuseForeign(folder: Location, own: readonly Part[]): Promise<ReadonlySet<Location>> {
    const { storage, paths } = this.#place;
    const bytesOf = new Map(own.map((part) => [below(paths.output, part.output.path), part.output.bytes]));
    const found = new Set<Location>();
    for await (const { name, stat } of this.#entriesOf(folder)) {
      const location = below(folder, name);
      const bytes = bytesOf.get(location);
      if (bytes !== undefined && (stat ?? (await storage.stat(location, NEVER))).bytes === bytes) {
        found.add(location);
        continue;
      }
      throw new ShardmillError(
        "OUTPUT_OCCUPIED",
        `${location} already exists, and does not belong to this job`,
        {
          fields: { path: folder, name },
          hint: "choose another output.path, or move the folder away and run again",
        },
      );
    }
    return found;
  }

  async *#entriesOf(folder: Location): AsyncGenerator<Entry> {
    const { storage } = this.#place;
    if ((await storage.kindAt(folder, NEVER)) === null) return;
    for await (const page of storage.list(folder, { signal: NEVER })) {
      for (const entry of page) {
        if (entry.kind !== "folder" || !mayBeFolder(entry.name)) yield entry;
        else
          for await (const inner of this.#entriesOf(below(folder, entry.name)))
            yield { ...inner, name: `${entry.name}/${inner.name}` };
      }
    }
  }
}

function sourcesMissing(
  output: Location,
  { first, missing, of }: { readonly first: Location; readonly missing: number; readonly of: number },
): ShardmillError {
  const what = `${missing} of the ${of} files to publish to ${output} are missing: ${first}`;
  return new ShardmillError("OUTPUT_FAILED", missing > 1 ? `${what} is the first` : what, {
    fields: { path: first, expected: of, found: of - missing },
    hint: "check what removes files below _shardmill, then run with --fresh to start over: the files were removed after publishing began",
  });
}
