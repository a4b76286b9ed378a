import { sep } from "node:path";
import type { DiskStat } from "../shared/core/disk.ts";
import type { SeededRandom } from "./seeded-random.ts";

export interface FileNode {
  readonly kind: "file";
  /** Content that readers see. Never changed in place: a write makes new bytes. */
  bytes: Buffer;
  /** Content that is certain to survive a power cut. */
  synced: Buffer;
}

interface FolderNode {
  readonly kind: "folder";
  names: Map<string, Node>;
  /** Names that are certain to survive a power cut. */
  synced: Map<string, Node>;
}

export type Node = FileNode | FolderNode;

interface NameChange {
  readonly folder: FolderNode;
  readonly name: string;
  readonly node: Node | null;
}

/** Returns a file system error in the shape of Node's. */
export function diskError(code: string, call: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${call} '${path}'`), { code, syscall: call, path });
}

/**
 * A file system in memory with two views: what processes see, and what a power cut leaves. Bytes are durable
 * once their file is synced, and names are durable once their folder is. Until then a power cut may keep,
 * tear or lose them. Rename and link are atomic in both views.
 */
export class DiskImage {
  readonly root: FolderNode = newFolder();
  /**
   * Changes of names that are not durable yet, in order. A power cut keeps or loses those of one rename
   * together.
   */
  #unsynced: (readonly NameChange[])[] = [];
  readonly #dirty = new Set<FileNode>();

  /** @throws ENOENT, ENOTDIR */
  find(path: string, call = "stat"): Node {
    const node = this.findIfThere(path, call);
    if (node === null) throw diskError("ENOENT", call, path);
    return node;
  }

  /** @throws ENOTDIR when a parent of the path is a file */
  findIfThere(path: string, call: string): Node | null {
    let node: Node = this.root;
    for (const name of partsOf(path)) {
      if (node.kind !== "folder") throw diskError("ENOTDIR", call, path);
      const next: Node | undefined = node.names.get(name);
      if (next === undefined) return null;
      node = next;
    }
    return node;
  }

  lookUp(path: string): Node | null {
    try {
      return this.findIfThere(path, "stat");
    } catch {
      return null;
    }
  }

  file(path: string, call: string): FileNode {
    const node = this.find(path, call);
    if (node.kind !== "file") throw diskError("EISDIR", call, path);
    return node;
  }

  folder(path: string, call: string): FolderNode {
    const node = this.find(path, call);
    if (node.kind !== "folder") throw diskError("ENOTDIR", call, path);
    return node;
  }

  stat(path: string): DiskStat {
    const node = this.find(path);
    return { kind: node.kind, size: node.kind === "file" ? node.bytes.length : 0 };
  }

  createFile(path: string): FileNode {
    const node = newFile();
    this.#change([this.#placeFor(path, "open", node)]);
    return node;
  }

  mkdir(path: string): void {
    this.#change([this.#placeFor(path, "mkdir", newFolder())]);
  }

  link(from: string, to: string): void {
    const node = this.find(from, "link");
    const place = this.#placeFor(to, "link", node);
    if (node.kind === "folder") throw diskError("EPERM", "link", to);
    this.#change([place]);
  }

  copyFile(from: string, to: string): void {
    const node = this.find(from, "copyfile");
    const place = this.#placeFor(to, "copyfile", newFile());
    if (node.kind === "folder") throw diskError("EISDIR", "copyfile", from);
    this.#change([place]);
    this.write(this.file(to, "copyfile"), node.bytes);
  }

  rename(from: string, to: string): void {
    const [source, target] = [this.#entry(from, "rename"), this.#entry(to, "rename")];
    const node = this.find(from, "rename");
    if (isBelow(to, from)) throw diskError("EINVAL", "rename", to);
    if (isBelow(from, to)) throw diskError("ENOTEMPTY", "rename", to);
    const there = this.findIfThere(to, "rename");
    if (there === node) return;
    if (there?.kind === "file" && node.kind === "folder") throw diskError("ENOTDIR", "rename", to);
    if (there?.kind === "folder" && node.kind === "file") throw diskError("EISDIR", "rename", to);
    if (there?.kind === "folder" && there.names.size > 0) throw diskError("ENOTEMPTY", "rename", to);
    this.#change([
      { ...source, node: null },
      { ...target, node },
    ]);
  }

  unlink(path: string): void {
    this.file(path, "unlink");
    this.#change([{ ...this.#entry(path, "unlink"), node: null }]);
  }

  rmdir(path: string): void {
    if (this.folder(path, "rmdir").names.size > 0) throw diskError("ENOTEMPTY", "rmdir", path);
    this.#change([{ ...this.#entry(path, "rmdir"), node: null }]);
  }

  write(file: FileNode, bytes: Buffer): void {
    file.bytes = bytes;
    this.#dirty.add(file);
  }

  /** Writes at an offset. Bytes between the end of the file and `at` read as zeros. */
  writeAt(file: FileNode, at: number, bytes: Uint8Array): void {
    const written = Buffer.alloc(Math.max(file.bytes.length, at + bytes.length));
    file.bytes.copy(written);
    written.set(bytes, at);
    this.write(file, written);
  }

  sync(node: Node): void {
    if (node.kind === "file") {
      node.synced = node.bytes;
      this.#dirty.delete(node);
      return;
    }
    let still: (readonly NameChange[])[] = [];
    for (const changes of this.#unsynced) {
      if (changes.some(({ folder }) => folder === node)) {
        applyTo("synced", changes);
        still = withoutEarlier(still, changes);
      } else still.push(changes);
    }
    this.#unsynced = still;
  }

  /** Returns the bytes of a file that are certain to survive a power cut. Null: its path is not. */
  safeBytes(path: string): Buffer | null {
    let node: Node = this.root;
    for (const name of partsOf(path)) {
      if (node.kind !== "folder") return null;
      const next: Node | undefined = node.synced.get(name);
      if (next === undefined) return null;
      node = next;
    }
    return node.kind === "file" ? node.synced : null;
  }

  safeNames(path: string): string[] {
    let node: Node = this.root;
    for (const name of partsOf(path)) {
      const next: Node | undefined = node.kind === "folder" ? node.synced.get(name) : undefined;
      if (next === undefined) return [];
      node = next;
    }
    return node.kind === "folder" ? [...node.synced.keys()].sort() : [];
  }

  /** Cuts the power. The seed decides which changes without a sync survive. */
  cutPower(random: SeededRandom): void {
    const manner = random.pick(["none", "prefix", "some"] as const);
    const upTo = random.int(0, this.#unsynced.length);
    const changes = this.#unsynced.filter(
      (_change, index) => (manner === "prefix" && index < upTo) || (manner === "some" && random.chance(0.5)),
    );
    const touched = new Set(this.#unsynced.flat().map(({ folder }) => folder));
    for (const change of changes) applyTo("synced", change);
    for (const folder of touched) folder.names = new Map(folder.synced);
    for (const file of this.#dirty) {
      file.bytes = leftOf(file, random);
      file.synced = file.bytes;
    }
    this.#unsynced = [];
    this.#dirty.clear();
  }

  #placeFor(path: string, call: string, node: Node): NameChange {
    const entry = this.#entry(path, call);
    if (entry.folder.names.has(entry.name)) throw diskError("EEXIST", call, path);
    return { ...entry, node };
  }

  #entry(path: string, call: string): { readonly folder: FolderNode; readonly name: string } {
    const parts = partsOf(path);
    const name = parts.pop();
    if (name === undefined) throw diskError("EEXIST", call, path);
    const folder = this.find(parts.join(sep), call);
    if (folder.kind !== "folder") throw diskError("ENOTDIR", call, path);
    return { folder, name };
  }

  #change(changes: readonly NameChange[]): void {
    applyTo("names", changes);
    this.#unsynced.push(changes);
  }
}

function newFile(): FileNode {
  return { kind: "file", bytes: Buffer.alloc(0), synced: Buffer.alloc(0) };
}

function newFolder(): FolderNode {
  return { kind: "folder", names: new Map(), synced: new Map() };
}

function applyTo(face: "names" | "synced", changes: readonly NameChange[]): void {
  for (const { folder, name, node } of changes) {
    if (node === null) folder[face].delete(name);
    else folder[face].set(name, node);
  }
}

/** Drops earlier changes of the names that are now durable, so that a renamed file never has two names. */
function withoutEarlier(
  unsynced: readonly (readonly NameChange[])[],
  safe: readonly NameChange[],
): (readonly NameChange[])[] {
  const isEarlier = (change: NameChange) =>
    safe.some(({ folder, name }) => folder === change.folder && name === change.name);
  return unsynced
    .map((changes) => changes.filter((change) => !isEarlier(change)))
    .filter((changes) => changes.length > 0);
}

/**
 * Returns the bytes of a file after a power cut. A truncation happens or does not. Appended bytes may be cut
 * anywhere, and the last of them may be garbage. Any other change happens, does not, or is cut.
 */
function leftOf(file: FileNode, random: SeededRandom): Buffer {
  const { bytes, synced } = file;
  const cutShort = synced.subarray(0, bytes.length).equals(bytes);
  if (cutShort) return random.chance(0.5) ? synced : bytes;
  const appended = bytes.length >= synced.length && bytes.subarray(0, synced.length).equals(synced);
  if (!appended) return random.chance(0.5) ? synced : bytes.subarray(0, random.int(0, bytes.length));
  const left = Buffer.from(bytes.subarray(0, random.int(synced.length, bytes.length)));
  if (left.length > synced.length && random.chance(0.3)) {
    left.fill(random.int(0, 255), random.int(synced.length, left.length - 1));
  }
  return left;
}

function isBelow(path: string, folder: string): boolean {
  return path.startsWith(`${folder}${sep}`);
}

function partsOf(path: string): string[] {
  return path.split(sep).filter((part) => part !== "");
}
