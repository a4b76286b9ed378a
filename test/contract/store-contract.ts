import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Store } from "../../shared/store/store.ts";

/** One store to try, and what it holds. */
export interface StoreUnderTest {
  readonly store: Store;
  /** A file that is there, of at least 1,000 bytes. */
  readonly existing: { readonly path: string; readonly bytes: Uint8Array };
  /** A path where nothing is and where a file may be put; the next call gives another. */
  freePath(): string;
  /** A path that nobody may read or write; null when this store has none. */
  readonly forbiddenPath: string | null;
  /** Where the store keeps what was put, to look at it from outside; null when it cannot be seen. */
  bytesAt(path: string): Promise<Uint8Array> | null;
  cleanup(): Promise<void>;
}

/** What every store promises: run against the local one, and against the coordinator over gRPC. */
export function storeContract(name: string, makeStore: () => Promise<StoreUnderTest>): void {
  describe(`${name} as a store`, () => {
    let on: StoreUnderTest;
    let folder: string;

    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), "shardmill-store-"));
      on = await makeStore();
    });

    afterEach(async () => {
      await on.cleanup();
      await rm(folder, { recursive: true, force: true });
    });

    async function localFile(bytes: Uint8Array | string): Promise<string> {
      const path = join(folder, `source-${Math.random()}`);
      await writeFile(path, bytes);
      return path;
    }

    it("tells a file's size and the time of its last change", async () => {
      const { bytes, mtimeMs } = await on.store.stat(on.existing.path);
      expect(bytes).toBe(on.existing.bytes.length);
      expect(mtimeMs).toBeGreaterThan(Date.parse("2020-01-01"));
    });

    it("reads exactly the range that is asked for", async () => {
      const { path, bytes } = on.existing;
      for (const [start, end] of [
        [0, 1],
        [0, bytes.length],
        [17, 900],
        [bytes.length - 1, bytes.length],
        [5, 5],
      ] as const) {
        const read = await on.store.readRange(path, start, end);
        expect(Buffer.compare(read, bytes.subarray(start, end))).toBe(0);
      }
    });

    it("gives each reader a buffer of its own", async () => {
      const { path, bytes } = on.existing;
      const first = await on.store.readRange(path, 0, 100);
      first.fill(0);
      expect(Buffer.compare(await on.store.readRange(path, 0, 100), bytes.subarray(0, 100))).toBe(0);
    });

    it("serves many reads of one file at once", async () => {
      const { path, bytes } = on.existing;
      const reads = Array.from({ length: 40 }, (_, index) =>
        on.store.readRange(path, index * 10, index * 10 + 10),
      );
      const read = Buffer.concat(await Promise.all(reads));
      expect(Buffer.compare(read, bytes.subarray(0, 400))).toBe(0);
    });

    it("refuses a range that ends after the file", async () => {
      const { path, bytes } = on.existing;
      const read = on.store.readRange(path, bytes.length - 1, bytes.length + 1);
      await expect(read).rejects.toMatchObject({ code: "STORE_FAILED" });
      await expect(on.store.readRange(path, 10, 5)).rejects.toMatchObject({ code: "STORE_FAILED" });
    });

    it("says that a file is not there, or that it may not be asked for", async () => {
      const path = on.freePath();
      const codes = expect.stringMatching(/^STORE_(NOT_FOUND|REFUSED)$/);
      await expect(on.store.stat(path)).rejects.toMatchObject({ code: codes });
      await expect(on.store.readRange(path, 0, 1)).rejects.toMatchObject({ code: codes });
    });

    it("puts a file whole, making the folders above it", async () => {
      const path = on.freePath();
      const bytes = Uint8Array.from({ length: 3_000_000 }, (_, index) => (index * 31) % 251);
      await on.store.putOnce(path, await localFile(bytes));
      const stored = await on.bytesAt(path);
      if (stored !== null) expect(Buffer.compare(stored, bytes)).toBe(0);
    });

    it("puts an empty file", async () => {
      const path = on.freePath();
      await on.store.putOnce(path, await localFile(""));
      const stored = await on.bytesAt(path);
      if (stored !== null) expect(stored.length).toBe(0);
      await expect(on.store.putOnce(path, await localFile("x"))).rejects.toMatchObject({
        code: "STORE_EXISTS",
      });
    });

    it("never puts over a file that is there, and leaves it as it was", async () => {
      const path = on.freePath();
      await on.store.putOnce(path, await localFile("first"));
      const second = on.store.putOnce(path, await localFile("second"));
      await expect(second).rejects.toMatchObject({ code: "STORE_EXISTS" });
      const stored = await on.bytesAt(path);
      if (stored !== null) expect(Buffer.from(stored).toString()).toBe("first");
    });

    it("lets one of many that put at once win", async () => {
      const path = on.freePath();
      const sources = await Promise.all(
        ["a", "b", "c", "d", "e"].map((text) => localFile(text.repeat(1_000))),
      );
      const outcomes = await Promise.allSettled(sources.map((source) => on.store.putOnce(path, source)));
      expect(outcomes.filter(({ status }) => status === "fulfilled").length).toBe(1);
      for (const outcome of outcomes) {
        if (outcome.status === "rejected") expect(outcome.reason).toMatchObject({ code: "STORE_EXISTS" });
      }
      const stored = await on.bytesAt(path);
      if (stored !== null) expect(Buffer.from(stored).toString()).toMatch(/^(a+|b+|c+|d+|e+)$/);
    });

    it("leaves the source where it was", async () => {
      const source = await localFile("kept");
      await on.store.putOnce(on.freePath(), source);
      expect(await readFile(source, "utf8")).toBe("kept");
    });

    it("puts nothing when there is no source", async () => {
      const path = on.freePath();
      const put = on.store.putOnce(path, join(folder, "nothing-here"));
      await expect(put).rejects.toMatchObject({ code: "STORE_NOT_FOUND" });
      await on.store.putOnce(path, await localFile("now"));
    });

    it("refuses what is forbidden", async () => {
      if (on.forbiddenPath === null) return;
      const path = on.forbiddenPath;
      const refused = { code: "STORE_REFUSED" };
      await expect(on.store.readRange(path, 0, 1)).rejects.toMatchObject(refused);
      await expect(on.store.putOnce(path, await localFile("x"))).rejects.toMatchObject(refused);
    });

    it("does nothing once the signal has aborted, and rejects with its reason", async () => {
      const reason = new Error("enough");
      const signal = AbortSignal.abort(reason);
      const path = on.freePath();
      await expect(on.store.stat(on.existing.path, signal)).rejects.toBe(reason);
      await expect(on.store.readRange(on.existing.path, 0, 10, signal)).rejects.toBe(reason);
      await expect(on.store.putOnce(path, await localFile("x"), signal)).rejects.toBe(reason);
      await on.store.putOnce(path, await localFile("y"));
    });
  });
}
