import fs, { type FileHandle } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { join, relative } from "node:path";
import { BEAT_NAME } from "../coordinator/journal/lock-file.ts";
import { half, patchHandles } from "./crash-handles.ts";
import { CrashCounter, readCrashPlan } from "./crash-point.ts";

/*
 * Loaded before everything else, in every thread (`node --import`). It wraps the file system's functions and
 * ends the process at a given operation. So the program needs no hooks, and no operation is missed. Does
 * nothing unless the environment names a point.
 */

const real = { ...fs };

/** Crash points around the functions of `node:fs/promises`, for paths in one folder. */
class FileCrashes {
  readonly #counter: CrashCounter;
  readonly #under: string;
  readonly #pathOf = new WeakMap<FileHandle, string>();

  constructor(counter: CrashCounter, under: string) {
    this.#counter = counter;
    this.#under = under;
  }

  install(): void {
    fs.link = (from, to) => this.#step("link", to, () => real.link(from, to));
    fs.rename = (from, to) => this.#step("rename", to, () => real.rename(from, to));
    fs.copyFile = (from, to, mode) => this.#step("copy", to, () => real.copyFile(from, to, mode));
    fs.unlink = (path) => this.#step("unlink", path, () => real.unlink(path));
    fs.rmdir = (path) => this.#step("rmdir", path, () => real.rmdir(path));
    fs.mkdir = ((path: string, options?: object) =>
      this.#step("mkdir", path, () => real.mkdir(path, options))) as typeof fs.mkdir;
    fs.rm = (path, options) => this.#remove(path, options);
    fs.writeFile = (file, data, options) => this.#writeFile(file, data, options);
    fs.open = (path, flags, mode) => this.#open(path, flags, mode);
    syncBuiltinESMExports();
  }

  /** Runs an atomic operation, which is done or not. */
  async #step<R>(name: string, path: unknown, operation: () => Promise<R>): Promise<R> {
    const place = this.#place(path);
    if (place === null) return operation();
    this.#counter.point(`${name} ${place}`, "before");
    const result = await operation();
    this.#counter.point(`${name} ${place}`, "done");
    return result;
  }

  async #remove(...[path, options]: Parameters<typeof fs.rm>): Promise<void> {
    const counter = this.#counter;
    const place = this.#place(path);
    if (place === null) return real.rm(path, options);
    counter.point(`rm ${place}`, "before");
    if (counter.isNext()) {
      const names = await real.readdir(String(path)).catch(() => []);
      for (const name of names.sort().slice(0, Math.ceil(names.length / 2)))
        await real.rm(join(String(path), name), { recursive: true, force: true });
      counter.die(`rm ${place}`, "torn");
    }
    await real.rm(path, options);
    counter.point(`rm ${place}`, "done");
  }

  async #writeFile(...[file, data, options]: Parameters<typeof fs.writeFile>): Promise<void> {
    const counter = this.#counter;
    const place = this.#place(file);
    if (place === null || !(data instanceof Uint8Array || typeof data === "string"))
      return real.writeFile(file, data, options);
    counter.point(`write ${place}`, "before");
    if (counter.isNext()) {
      await real.writeFile(file, half(data), options);
      counter.die(`write ${place}`, "torn");
    }
    await real.writeFile(file, data, options);
    counter.point(`write ${place}`, "written");
  }

  async #open(...[path, flags, mode]: Parameters<typeof fs.open>): Promise<FileHandle> {
    const counter = this.#counter;
    const place = this.#place(path);
    const makes = typeof flags === "string" && flags.startsWith("w");
    if (makes && place !== null) counter.point(`make ${place}`, "before");
    const handle = await real.open(path, flags, mode);
    if (place === null) return handle;
    this.#pathOf.set(handle, place);
    patchHandles(Object.getPrototypeOf(handle), this.#pathOf, counter);
    if (makes) counter.point(`make ${place}`, "done");
    return handle;
  }

  /** Returns a path relative to the folder, or null for one outside. */
  #place(path: unknown): string | null {
    const place = typeof path === "string" ? relative(this.#under, path) : "..";
    // Beats come at times that do not depend on the course of the job.
    if (place.startsWith("..") || place.endsWith(BEAT_NAME)) return null;
    return place === "" ? "." : place;
  }
}

const plan = readCrashPlan();
if (plan !== null && plan.what === "files") new FileCrashes(new CrashCounter(plan), plan.under).install();
