import type { FileHandle } from "node:fs/promises";
import type { CrashCounter, CrashWay } from "./crash-point.ts";

let handlesPatched = false;

/** Adds crash points to the operations of those open files that `pathOf` knows. Once per thread. */
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

/** Points of a sync. A crash before a sync equals the earlier point after the last write. */
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
 * Returns the arguments that write only the first half. Of `(bytes, offset, length, position)`, only the
 * first is required.
 */
function tornWrite(bytes: unknown, rest: readonly unknown[]): readonly unknown[] {
  if (!(bytes instanceof Uint8Array)) return [half(String(bytes))];
  const [offset, length] = [Number(rest[0] ?? 0), Number(rest[1] ?? bytes.length)];
  return [bytes, offset, Math.floor(length / 2), rest[2] ?? null];
}

/** Returns the first half of the data. */
export function half(data: string | Uint8Array): string | Uint8Array {
  return data.slice(0, Math.floor(data.length / 2));
}
