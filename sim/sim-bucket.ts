import { dirname, join } from "node:path";
import { NEVER } from "../shared/core/abort.ts";
import { sha256 } from "../shared/core/digest.ts";
import type { FileStat, Location } from "../shared/domain/location.ts";
import {
  asStorageError,
  cannot,
  checkRange,
  notAFile,
  occupied,
  tooShort,
} from "../shared/storage/errors.ts";
import { drain } from "../shared/storage/put-source.ts";
import type {
  Capabilities,
  Entry,
  PlaceKind,
  PutOptions,
  PutSource,
  Storage,
  StoredFile,
} from "../shared/storage/storage.ts";
import { type DiskImage, diskError, type FileNode } from "./disk-image.ts";
import { type DiskCall, type OperationOptions, runOperation } from "./disk-operation.ts";
import type { FaultPlan } from "./fault-plan.ts";

interface SimBucketOptions extends OperationOptions {
  readonly image: DiskImage;
  /** Folder of the bucket in the image. No process has its disk there. */
  readonly root: string;
  /** Draws the faults of requests that change something, and of copies. */
  readonly faults: Pick<FaultPlan, "ofStoreRequest" | "damagesCopy">;
  /** Called for each request that changes something, before it is sent. */
  readonly onAsk?: (call: DiskCall) => void;
}

/**
 * A bucket as one process of the simulated world sees it, without renames, links and folders of its own. Each
 * call is one step, which happens whole and durably, or not at all. A failed call may have happened, or may
 * happen after its caller has exited. A successful call may happen again.
 */
export class SimBucket implements Storage {
  readonly can: Capabilities = {
    put: true,
    rename: false,
    link: false,
    putIfAbsent: true,
    sync: false,
    list: true,
    versions: false,
  };
  readonly #options: SimBucketOptions;

  constructor(options: SimBucketOptions) {
    this.#options = options;
  }

  kindAt(location: Location): Promise<PlaceKind | null> {
    return this.#operation(
      "read",
      location,
      () => this.#options.image.lookUp(this.#kept(location))?.kind ?? null,
    );
  }

  stat(location: Location): Promise<FileStat> {
    return this.#operation("read", location, () => {
      const { bytes } = this.#file(location);
      return { bytes: bytes.length, version: sha256(bytes) };
    });
  }

  real(location: Location): Promise<Location> {
    return this.#operation("read", location, () => {
      this.#options.image.find(this.#kept(location));
      return location;
    });
  }

  async *list(
    folder: Location,
    { prefix = "" }: { readonly prefix?: string } = {},
  ): AsyncGenerator<readonly Entry[]> {
    const { image } = this.#options;
    yield await this.#operation("read", folder, () =>
      [...image.folder(this.#kept(folder), "scandir").names]
        .filter(([name]) => name.startsWith(prefix))
        .map(([name, node]) => ({ name, kind: node.kind, stat: null, unnameable: null })),
    );
  }

  read(location: Location, start: number, end: number): Promise<Uint8Array> {
    checkRange(location, start, end);
    return this.#operation("read", location, () => {
      const { bytes } = this.#file(location);
      if (end > bytes.length) throw tooShort(location, end, bytes.length);
      return Uint8Array.from(bytes.subarray(start, end));
    });
  }

  async put(
    location: Location,
    source: PutSource,
    options: PutOptions = { signal: NEVER },
  ): Promise<StoredFile> {
    const chunks: Uint8Array[] = [];
    const stored = await drain(location, source, options, async (chunk) => {
      chunks.push(Uint8Array.from(chunk));
    });
    const bytes = Buffer.concat(chunks);
    return await this.#change("write", location, () => {
      const there = this.#options.image.lookUp(this.#kept(location));
      if (options.ifAbsent === true && there?.kind === "file") {
        if (sha256(there.bytes) !== stored.sha256) throw occupied(location, there.bytes.length);
        return stored;
      }
      this.#set(location, bytes);
      return stored;
    });
  }

  async rename(): Promise<void> {
    throw cannot("a bucket", "rename");
  }

  async link(): Promise<void> {
    throw cannot("a bucket", "link");
  }

  copy(from: Location, to: Location): Promise<void> {
    const isDamaged = this.#options.faults.damagesCopy();
    return this.#change("write", to, () => {
      const { bytes } = this.#file(from);
      this.#set(to, isDamaged ? Buffer.from(bytes.map((byte) => byte ^ 1)) : bytes);
    });
  }

  /** Does nothing: every put is durable. */
  async sync(): Promise<void> {}

  async remove(location: Location): Promise<void> {
    const { image } = this.#options;
    const node = await this.#operation("read", location, () => image.lookUp(this.#kept(location)));
    if (node === null) return;
    // File by file: a process that exits meanwhile leaves the rest.
    if (node.kind === "folder")
      for (const name of [...node.names.keys()]) await this.remove(`${location}/${name}` as Location);
    else await this.#change("removal", location, () => this.#unlink(location));
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #kept(location: Location): string {
    return keptAt(this.#options.root, location);
  }

  #file(location: Location): FileNode {
    const node = this.#options.image.find(this.#kept(location));
    if (node.kind !== "file") throw notAFile(location, "folder");
    return node;
  }

  #set(location: Location, bytes: Buffer): void {
    const { image } = this.#options;
    const path = this.#kept(location);
    makeFolders(dirname(path), image);
    const there = image.lookUp(path);
    const file = there?.kind === "file" ? there : image.createFile(path);
    image.write(file, bytes);
    image.sync(file);
    image.sync(image.folder(dirname(path), "sync"));
  }

  /** Removes a file, and its parent folders as soon as they are empty. */
  #unlink(location: Location): void {
    const { image } = this.#options;
    const path = this.#kept(location);
    if (image.lookUp(path) === null) return;
    image.unlink(path);
    for (let at = dirname(path); at !== this.#options.root; at = dirname(at)) {
      const folder = image.folder(at, "sync");
      image.sync(folder);
      if (folder.names.size > 0) return;
      image.rmdir(at);
    }
  }

  #change<T>(call: "write" | "removal", location: Location, act: () => T): Promise<T> {
    const { process, faults, onAsk, onDone, scheduler } = this.#options;
    const answerLost = () => {
      try {
        act();
      } catch {
        return;
      }
      onDone({ process, call, path: location });
    };
    onAsk?.({ process, call, path: location });
    const fault = faults.ofStoreRequest();
    const later = (afterMs: number) =>
      scheduler.after(afterMs, null, () => {
        scheduler.note(`${process.name}: ${call} ${location} is ${fault.kind}`);
        answerLost();
      });
    if (fault.kind === "late") {
      const lost = () => {
        later(fault.afterMs);
        throw asStorageError(call, location, diskError("EIO", call, location));
      };
      return this.#operation(call, location, lost);
    }
    return this.#operation(
      call,
      location,
      () => {
        const result = act();
        if (fault.kind === "doubled") later(fault.afterMs);
        return result;
      },
      (random) => {
        if (random.chance(0.5)) answerLost();
      },
    );
  }

  async #operation<T>(
    call: DiskCall["call"],
    location: Location,
    act: () => T,
    actHalf?: Parameters<typeof runOperation>[3],
  ): Promise<T> {
    try {
      return await runOperation(this.#options, { call, path: location }, act, actHalf);
    } catch (error) {
      throw asStorageError(call, location, error);
    }
  }
}

/** Returns the path in the image of a location in a bucket. */
export function keptAt(root: string, location: Location): string {
  return join(root, location.replace("://", "/"));
}

function makeFolders(path: string, image: DiskImage): void {
  if (image.lookUp(path) !== null) return;
  makeFolders(dirname(path), image);
  image.mkdir(path);
  image.sync(image.folder(dirname(path), "sync"));
}
