import { createHash } from "node:crypto";
import { NEVER } from "../../shared/core/abort.ts";
import { isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import { systemRandom } from "../../shared/core/random.ts";
import { below, type Location, parseLocation, type TimedStat } from "../../shared/domain/location.ts";
import { cannot, checkRange, notAFile, occupied, tooShort } from "../../shared/storage/errors.ts";
import { checkedChunks, drain, sourceOfBytes } from "../../shared/storage/put-source.ts";
import type {
  Capabilities,
  Entry,
  PlaceKind,
  PutOptions,
  PutSource,
  Storage,
  StoredChecksums,
  StoredFile,
} from "../../shared/storage/storage.ts";
import { digestStored } from "../../shared/storage/whole-file.ts";
import {
  ListingWatch,
  type ObjectClient,
  type ObjectHead,
  type ObjectPage,
  type ObjectPut,
  putObject,
} from "./object-client.ts";
import { canBeNamed, named, type ObjectPlace, placeOf, prefixOf } from "./object-place.ts";
import { removeObjects } from "./remove-objects.ts";

/**
 * Creates a storage on the buckets of a store.
 *
 * @param client disposed of with the storage
 */
export function createObjectStorage(client: ObjectClient): Storage {
  return new ObjectStorage(client);
}

/** Capabilities of all object stores. */
export const OBJECTS_CAN: Capabilities = {
  put: true,
  rename: false,
  link: false,
  putIfAbsent: true,
  sync: false,
  list: true,
  versions: true,
};

class ObjectStorage implements Storage {
  readonly can = OBJECTS_CAN;
  readonly checksums?: StoredChecksums;
  readonly #client: ObjectClient;

  constructor(client: ObjectClient) {
    this.#client = client;
    if (client.refusesOtherBytes === undefined) return;
    this.checksums = {
      of: (location, signal) => this.#stored(location, signal),
      areEarned: (folder, signal) => this.#earnsChecksums(folder, signal),
    };
  }

  async storeOf(location: Location): Promise<string> {
    return this.#client.storeOf(placeOf(location));
  }

  async kindAt(location: Location, signal: AbortSignal): Promise<PlaceKind | null> {
    const place = placeOf(location);
    try {
      if (place.key !== "" && !place.key.endsWith("/")) {
        await this.#client.head(named(place), signal);
        return "file";
      }
    } catch (error) {
      if (!isShardmillError(error, "STORE_NOT_FOUND")) throw error;
    }
    return (await this.#isFolder(place, signal)) ? "folder" : null;
  }

  async stat(location: Location, signal: AbortSignal): Promise<TimedStat> {
    const { bytes, version, modified } = await this.#head(location, signal);
    return { bytes, version, modified };
  }

  /** Returns the location itself, because there are no links. */
  async real(location: Location, signal: AbortSignal): Promise<Location> {
    if ((await this.kindAt(location, signal)) === null) throw notFound(location);
    return location;
  }

  async *list(
    folder: Location,
    { prefix = "", signal }: { readonly prefix?: string; readonly signal: AbortSignal },
  ): AsyncGenerator<readonly Entry[]> {
    signal.throwIfAborted();
    const place = placeOf(folder);
    const base = prefixOf(place);
    let isThere = false;
    const watch = new ListingWatch(folder);
    for (let from: string | null = null; ; ) {
      const wanted = { prefix: `${base}${prefix}`, delimiter: "/", from } as const;
      const page = await this.#client.list(place, wanted, signal);
      watch.passed(page);
      isThere ||= page.objects.length > 0 || page.prefixes.length > 0;
      const entries = [
        // Consoles create an empty folder as an object with the folder's own name.
        ...page.objects
          .filter(({ key }) => key !== base)
          .map(({ key, version, bytes, modified }) => {
            const stat = version === null ? null : { bytes, version, modified };
            return entryOf(key.slice(base.length), "file", stat);
          }),
        ...page.prefixes.map((key) => entryOf(key.slice(base.length, -1), "folder", null)),
      ];
      if (entries.length > 0) yield entries;
      from = page.next;
      if (from === null) break;
    }
    if (!isThere && (prefix === "" || !(await this.#isFolder(place, signal)))) throw notFound(folder);
  }

  async read(
    location: Location,
    start: number,
    end: number,
    { version, signal }: { readonly version?: string | undefined; readonly signal: AbortSignal },
  ): Promise<Uint8Array> {
    checkRange(location, start, end);
    signal.throwIfAborted();
    if (start === end) return new Uint8Array(0);
    const range = { start, end, ...(version === undefined ? {} : { version }) };
    const { bytes } = await this.#ofFile(
      location,
      (place) => this.#client.readRange(place, range, signal),
      signal,
    );
    if (bytes.length < end - start) throw tooShort(location, end, start + bytes.length);
    return bytes;
  }

  /** Puts an object. Its digests precede the bytes, so a source without given digests is read twice. */
  async put(location: Location, source: PutSource, options: PutOptions): Promise<StoredFile> {
    const { ifAbsent = false, signal } = options;
    signal.throwIfAborted();
    const place = named(placeOf(location));
    this.#checkSize(location, source.bytes);
    const { sha256, md5 } = await this.#digestsOf(location, source, options);
    const stored = { bytes: source.bytes, sha256 };
    const body = {
      bytes: source.bytes,
      chunks: () => checkedChunks(location, source, { sha256, signal }),
    };
    const outcome = await putObject(this.#client, place, { body, sha256, md5, ifAbsent }, signal);
    // A repeated put, after a lost response, may find its own object.
    if (outcome === "taken" && !(await this.#has(place, stored, signal)))
      throw occupied(location, stored.bytes);
    return stored;
  }

  async rename(): Promise<void> {
    throw cannot("a bucket", "rename");
  }

  async link(): Promise<void> {
    throw cannot("a bucket", "link");
  }

  async copy(from: Location, to: Location, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const target = named(placeOf(to));
    const source = named(placeOf(from));
    if ((await this.#client.copy(source, target, { ifAbsent: true }, signal)) === "put") return;
    // An equal object stays, because another copy would change the version for its readers.
    if (await this.#areSame(source, target, signal)) return;
    await this.#client.copy(source, target, { ifAbsent: false }, signal);
  }

  /** Does nothing, because a completed put is durable. */
  async sync(): Promise<void> {}

  async removeUploads(folder: Location, signal: AbortSignal): Promise<void> {
    await this.#client.removeUploads?.(placeOf(folder), signal);
  }

  async remove(location: Location, signal: AbortSignal): Promise<void> {
    await removeObjects(this.#client, location, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client[Symbol.dispose]();
  }

  /** Calls `ask` for an object. A folder gets a different error than a missing object. */
  async #ofFile<T>(
    location: Location,
    ask: (place: ObjectPlace) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> {
    signal.throwIfAborted();
    const place = placeOf(location);
    let missing: unknown = notFound(location);
    if (place.key !== "" && !place.key.endsWith("/")) {
      try {
        return await ask(named(place));
      } catch (error) {
        if (!isShardmillError(error, "STORE_NOT_FOUND")) throw error;
        missing = error;
      }
    }
    throw (await this.#isFolder(place, signal)) ? notAFile(location, "folder") : missing;
  }

  #head(location: Location, signal: AbortSignal): Promise<ObjectHead> {
    return this.#ofFile(location, (place) => this.#client.head(place, signal), signal);
  }

  async #isFolder(place: ObjectPlace, signal: AbortSignal): Promise<boolean> {
    try {
      // A page may be empty without being the last.
      for (let from: string | null = null; ; ) {
        const wanted = { prefix: prefixOf(place), most: 1, from };
        const { objects, next }: ObjectPage = await this.#client.list(place, wanted, signal);
        if (objects.length > 0 || place.key === "") return true;
        if (next === null) return false;
        from = next;
      }
    } catch (error) {
      if (isShardmillError(error, "STORE_NOT_FOUND")) return false;
      throw error;
    }
  }

  async #digestsOf(
    location: Location,
    source: PutSource,
    options: PutOptions,
  ): Promise<Pick<ObjectPut, "sha256" | "md5">> {
    const md5 = this.#client.wantsMd5 ? createHash("md5") : null;
    if (options.sha256 !== undefined && md5 === null) return { sha256: options.sha256, md5: null };
    const { sha256 } = await drain(location, source, options, async (chunk) => void md5?.update(chunk));
    return { sha256, md5: md5?.digest("hex") ?? null };
  }

  #checkSize(location: Location, bytes: number): void {
    const most = this.#client.mostBytes;
    if (bytes <= most) return;
    throw new ShardmillError("STORE_REFUSED", `${location} is too large for one upload or copy`, {
      fields: { path: location, bytes, most },
      hint: "make smaller files, with fewer rows per shard",
    });
  }

  async #stored(location: Location, signal: AbortSignal): Promise<StoredFile | null> {
    const { bytes, sha256 } = await this.#head(location, signal);
    return sha256 === null ? null : { bytes, sha256 };
  }

  async #earnsChecksums(folder: Location, signal: AbortSignal): Promise<boolean> {
    const location = below(folder, `checksum-probe-${systemRandom.hex(8)}`);
    try {
      const refuses = await this.#client.refusesOtherBytes?.(named(placeOf(location)), signal);
      if (refuses !== true) return false;
      const probe = sourceOfBytes("a probe of checksums");
      const { sha256 } = await this.put(location, probe, { ifAbsent: true, signal });
      return (await this.#stored(location, signal))?.sha256 === sha256;
    } finally {
      await this.remove(location, NEVER);
    }
  }

  async #areSame(one: ObjectPlace, other: ObjectPlace, signal: AbortSignal): Promise<boolean> {
    const [first, second] = await Promise.all([
      this.#client.head(one, signal),
      this.#client.head(other, signal).catch((error: unknown) => {
        if (isShardmillError(error, "STORE_NOT_FOUND")) return null;
        throw error;
      }),
    ]);
    return first.sha256 !== null && first.bytes === second?.bytes && first.sha256 === second.sha256;
  }

  async #has(place: ObjectPlace, { bytes, sha256 }: StoredFile, signal: AbortSignal): Promise<boolean> {
    const there = await this.#client.head(place, signal);
    if (there.bytes !== bytes) return false;
    const digest = there.sha256 ?? (await digestStored(this, parseLocation(place.path), { signal })).sha256;
    return digest === sha256;
  }
}

function entryOf(name: string, kind: "file" | "folder", stat: TimedStat | null): Entry {
  if (canBeNamed(name)) return { name, kind, stat, unnameable: null };
  const why = "a part of its key is empty or consists of dots";
  return { name, kind, stat, unnameable: { shown: `${name || "(no name)"}/`, why } };
}

function notFound(location: Location): ShardmillError {
  return new ShardmillError("STORE_NOT_FOUND", `there is no ${location}`, { fields: { path: location } });
}
