import { basename, dirname, join } from "node:path";
import { journalOf } from "./job-place.ts";
import type { JournalImage } from "./journal-image.ts";
import type { JudgedScenario } from "./sim-world.ts";

/** Injects faults into the snapshots of one job's journal. */
export class SnapshotFaults {
  readonly #scenario: JudgedScenario;
  /** Snapshots by name: those of this run, and those of another job or an earlier run. */
  readonly #own = new Map<string, Buffer>();
  readonly #foreign = new Map<string, Buffer>();
  #journal: JournalImage | null = null;

  constructor(scenario: JudgedScenario) {
    this.#scenario = scenario;
  }

  /** Returns the names of the existing snapshots. */
  names(): string[] {
    const { image } = this.#scenario.world;
    const folder = image.lookUp(this.#folder());
    return folder?.kind !== "folder" ? [] : [...folder.names.keys()].filter(isSnapshot).sort();
  }

  /** Notes that a file on a disk got its name. */
  named(path: string): void {
    if (!isSnapshot(path)) return;
    const found = this.#scenario.world.image.lookUp(path);
    const known = dirname(path) === this.#folder() ? this.#own : this.#foreign;
    if (found?.kind === "file") known.set(basename(path), Buffer.from(found.bytes));
  }

  /** Notes that the journal begins again: earlier snapshots now belong to another run. */
  cleared(): void {
    for (const [name, bytes] of this.#own) this.#foreign.set(name, bytes);
    this.#own.clear();
  }

  /** Flips a bit of a snapshot at random, cuts its end, or removes it. */
  strikeDamage(): void {
    const { faults, image, random, scheduler } = this.#scenario.world;
    const folder = this.#folder();
    const names = this.names();
    if (names.length === 0 || !faults.strikes("snapshotDamaged", 0.1)) return;
    const path = join(folder, random.pick(names));
    const how = random.pick(["flipped", "cut", "gone"] as const);
    scheduler.note(`${path} is ${how}`);
    if (how === "gone") {
      this.#lose(path);
      return;
    }
    const bytes = Buffer.from(image.file(path, "damage").bytes);
    if (bytes.length === 0) return;
    const at = random.int(0, bytes.length - 1);
    bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << random.int(0, 7)), at);
    this.#set(path, how === "flipped" ? bytes : bytes.subarray(0, at));
  }

  /**
   * Puts a snapshot of another run, at random, in the place of one of this run. Its writer was paused while
   * this run began. In a bucket each run has a folder of its own.
   */
  strikeForeign(): void {
    const { faults, image, isShared, random, scheduler } = this.#scenario.world;
    const folder = this.#folder();
    const names = [...this.#foreign.keys()].sort();
    if (isShared || names.length === 0 || image.lookUp(folder) === null) return;
    if (!faults.strikes("snapshotForeign", 0.1)) return;
    const name = random.pick(names);
    scheduler.note(`${name} of another run is copied to ${folder}`);
    this.#set(join(folder, name), this.#foreign.get(name) ?? Buffer.alloc(0));
  }

  #folder(): string {
    const { job, world } = this.#scenario;
    this.#journal ??= journalOf(job, world.image);
    return this.#journal.snapshots;
  }

  #set(path: string, bytes: Buffer): void {
    const { image } = this.#scenario.world;
    const there = image.lookUp(path);
    const file = there?.kind === "file" ? there : image.createFile(path);
    image.write(file, bytes);
    image.sync(file);
    image.sync(image.folder(dirname(path), "sync"));
  }

  #lose(path: string): void {
    const { image, isShared } = this.#scenario.world;
    const at = dirname(path);
    image.unlink(path);
    const folder = image.folder(at, "sync");
    image.sync(folder);
    // A bucket has no empty folders. A disk has: the folder of a journal before its first segment.
    if (!isShared || folder.names.size > 0) return;
    image.rmdir(at);
    image.sync(image.folder(dirname(at), "sync"));
  }
}

function isSnapshot(path: string): boolean {
  return path.endsWith(".snap");
}
