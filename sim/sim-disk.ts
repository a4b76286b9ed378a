import { join } from "node:path";
import { sha256 } from "../shared/core/digest.ts";
import type { Disk, DiskEntry, DiskFile, DiskVersion, OpenFlags } from "../shared/core/disk.ts";
import { errorCode } from "../shared/core/errno.ts";
import { type DiskImage, diskError, type Node } from "./disk-image.ts";
import { type DiskCall, type OperationOptions, runOperation } from "./disk-operation.ts";
import type { SeededRandom } from "./seeded-random.ts";

interface SimDiskOptions extends OperationOptions {
  readonly image: DiskImage;
  readonly lacksHardLinks: boolean;
}

/**
 * A disk as one process of the simulated world sees it. Each operation is a step that may fail, be torn, or
 * be the last.
 */
export class SimDisk implements Disk {
  readonly #options: SimDiskOptions;

  constructor(options: SimDiskOptions) {
    this.#options = options;
  }

  async open(path: string, flags: OpenFlags): Promise<DiskFile> {
    const { image } = this.#options;
    const node = await this.#operation("open", path, () => {
      const there = image.findIfThere(path, "open");
      if (there === null) {
        if (flags === "r") throw diskError("ENOENT", "open", path);
        return image.createFile(path);
      }
      if (flags === "wx") throw diskError("EEXIST", "open", path);
      if (flags === "w") image.write(image.file(path, "open"), Buffer.alloc(0));
      return there;
    });
    return this.#openFile(node, path, flags);
  }

  readFile(path: string): Promise<Buffer> {
    return this.#operation("read", path, () => this.#options.image.file(path, "open").bytes);
  }

  async *readChunks(path: string): AsyncIterable<Uint8Array> {
    yield await this.readFile(path);
  }

  readdir(path: string): Promise<string[]> {
    return this.#operation("read", path, () => [...this.#options.image.folder(path, "scandir").names.keys()]);
  }

  entries(path: string): Promise<readonly DiskEntry[]> {
    return this.#operation("read", path, () =>
      [...this.#options.image.folder(path, "scandir").names].map(([name, { kind }]) => ({ name, kind })),
    );
  }

  /** Returns facts about a file. Its bytes are its version, because they are never changed in place. */
  stat(path: string): Promise<DiskVersion> {
    return this.#operation("read", path, () => {
      const stat = this.#options.image.stat(path);
      return {
        ...stat,
        version: stat.kind === "file" ? sha256(this.#options.image.file(path, "stat").bytes) : "",
      };
    });
  }

  realpath(path: string): Promise<string> {
    return this.#operation("read", path, () => {
      this.#options.image.find(path, "realpath");
      return path;
    });
  }

  lstat(path: string) {
    return this.#operation("read", path, () => this.#options.image.stat(path));
  }

  mkdir(path: string): Promise<void> {
    return this.#operation("names", path, () => this.#options.image.mkdir(path));
  }

  link(from: string, to: string): Promise<void> {
    return this.#operation("names", to, () => {
      if (this.#options.lacksHardLinks) throw diskError("EPERM", "link", to);
      this.#options.image.link(from, to);
    });
  }

  rename(from: string, to: string): Promise<void> {
    const { image } = this.#options;
    return runOperation(this.#options, { call: "names", path: to, from }, () => image.rename(from, to));
  }

  copyFile(from: string, to: string): Promise<void> {
    return this.#operation("write", to, () => this.#options.image.copyFile(from, to));
  }

  unlink(path: string): Promise<void> {
    return this.#operation("removal", path, () => this.#options.image.unlink(path));
  }

  rmdir(path: string): Promise<void> {
    return this.#operation("removal", path, () => this.#options.image.rmdir(path));
  }

  /** Removes a folder name by name, as a real disk does. A process that exits meanwhile leaves the rest. */
  async remove(path: string): Promise<void> {
    const { image } = this.#options;
    const kind = await this.#operation("read", path, () => image.findIfThere(path, "rm")?.kind ?? null);
    if (kind === null) return;
    if (kind === "file") {
      await this.#unlessGone(() => this.unlink(path));
      return;
    }
    for (let tries = 0; ; tries += 1) {
      for (const name of await this.readdir(path).catch(() => [])) await this.remove(join(path, name));
      try {
        await this.#unlessGone(() => this.rmdir(path));
        return;
      } catch (error) {
        if (tries === 3) throw error;
      }
    }
  }

  async #unlessGone(call: () => Promise<void>): Promise<void> {
    try {
      await call();
    } catch (error) {
      if (errorCode(error) !== "ENOENT") throw error;
    }
  }

  #openFile(node: Node, path: string, flags: OpenFlags): DiskFile {
    let written = 0;
    const write = (bytes: Uint8Array) => {
      if (bytes.length === 0) return;
      if (node.kind === "folder" || flags === "r") throw diskError("EBADF", "write", path);
      this.#options.image.writeAt(node, written, bytes);
      written += bytes.length;
    };
    const { image } = this.#options;
    return {
      readInto: (bytes, at) =>
        this.#operation("read", path, () => {
          if (bytes.length === 0) return 0;
          if (flags !== "r") throw diskError("EBADF", "read", path);
          if (node.kind === "folder") throw diskError("EISDIR", "read", path);
          return at < node.bytes.length ? node.bytes.copy(bytes, 0, at) : 0;
        }),
      write: (bytes) =>
        this.#operation(
          "write",
          path,
          () => write(bytes),
          (random) => write(bytes.subarray(0, random.int(0, bytes.length))),
        ),
      sync: () => this.#operation("sync", path, () => image.sync(node)),
      datasync: () => this.#operation("sync", path, () => image.sync(node)),
      close: () => this.#operation("close", path, () => {}),
    };
  }

  #operation<T>(
    call: DiskCall["call"],
    path: string,
    act: () => T,
    actHalf?: (random: SeededRandom) => void,
  ): Promise<T> {
    return runOperation(this.#options, { call, path }, act, actHalf);
  }
}
