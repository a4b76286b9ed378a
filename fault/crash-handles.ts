import type { FileHandle } from "node:fs/promises";
import type { CrashCounter, CrashWay } from "./crash-point.ts";

let handlesPatched = false;

/** Puts crash points around what is done through open files: those that `pathOf` knows. Once a thread. */
export function patchHandles(
  prototype: FileHandle,
  pathOf: WeakMap<FileHandle, string>,
  counter: CrashCounter,
): void {
  if (handlesPatched) return;
  handlesPatched = true;
  const real = {
    write: prototype.write as (...args: readonly unknown[]) => Promise<unknown>,
    writeFile: prototype.writeFile as (...args: readonly unknown[]) => Promise<unknown>,
    sync: prototype.sync,
    datasync: prototype.datasync,
  };
  const around = (
    handle: FileHandle,
    name: string,
    ways: {
      readonly before: CrashWay | null;
      readonly after: readonly CrashWay[];
      readonly torn?: () => Promise<unknown>;
    },
    operation: () => Promise<unknown>,
  ): Promise<unknown> => crashAround({ place: pathOf.get(handle), name, counter, ways, operation });
  Object.assign(prototype, {
    write(this: FileHandle, bytes: unknown, ...rest: readonly unknown[]) {
      const torn = () => real.write.call(this, ...tornWrite(bytes, rest));
      const ways = { before: "before", torn, after: ["written"] } as const;
      return around(this, "write", ways, () => real.write.call(this, bytes, ...rest));
    },
    writeFile(this: FileHandle, data: string | Uint8Array, ...rest: readonly unknown[]) {
      const torn = () => real.writeFile.call(this, half(data), ...rest);
      const ways = { before: "before", torn, after: ["written"] } as const;
      return around(this, "write", ways, () => real.writeFile.call(this, data, ...rest));
    },
    sync(this: FileHandle) {
      return around(this, "sync", SYNCED, () => real.sync.call(this));
    },
    datasync(this: FileHandle) {
      return around(this, "sync", SYNCED, () => real.datasync.call(this));
    },
  });
}

/** Dying before a sync is dying when all is written: that point has been. */
const SYNCED = { before: null, after: ["done", "acknowledged"] } as const;

async function crashAround(crash: {
  readonly place: string | undefined;
  readonly name: string;
  readonly counter: CrashCounter;
  readonly ways: {
    readonly before: CrashWay | null;
    readonly after: readonly CrashWay[];
    readonly torn?: () => Promise<unknown>;
  };
  readonly operation: () => Promise<unknown>;
}): Promise<unknown> {
  const { place, counter, ways, operation } = crash;
  if (place === undefined) return operation();
  const name = `${crash.name} ${place}`;
  if (ways.before !== null) counter.point(name, ways.before);
  if (ways.torn !== undefined && counter.isNext()) {
    await ways.torn();
    counter.die(name, "torn");
  }
  const result = await operation();
  for (const way of ways.after) counter.point(name, way);
  return result;
}

/**
 * The arguments of a write of the first half: `(bytes, offset, length, position)`, all but the first
 * optional.
 */
function tornWrite(bytes: unknown, rest: readonly unknown[]): readonly unknown[] {
  if (!(bytes instanceof Uint8Array)) return [half(String(bytes))];
  const [offset, length] = [Number(rest[0] ?? 0), Number(rest[1] ?? bytes.length)];
  return [bytes, offset, Math.floor(length / 2), rest[2] ?? null];
}

/** The first half of what is to be written. */
export function half(data: string | Uint8Array): string | Uint8Array {
  return data.slice(0, Math.floor(data.length / 2));
}
