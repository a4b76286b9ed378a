import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { removeWorkFiles } from "../../coordinator/publish/cleanup.ts";
import { publishOutput } from "../../coordinator/publish/publish.ts";
import { readManifest } from "../../coordinator/publish/read-manifest.ts";
import { stageOutput } from "../../coordinator/publish/stage.ts";
import { findOutputPaths, type WorkPaths, withRun } from "../../coordinator/publish/work-paths.ts";
import type { ObjectClient } from "../../extensions/object-store/object-client.ts";
import { createObjectStorage } from "../../extensions/object-store/object-storage.ts";
import { sha256 } from "../../shared/core/digest.ts";
import { realDisk } from "../../shared/core/disk.ts";
import { asExecutionId } from "../../shared/domain/execution-id.ts";
import { below, parseLocation } from "../../shared/domain/location.ts";
import { MANIFEST_NAME } from "../../shared/domain/manifest.ts";
import { type PartialManifest, partialFolder } from "../../shared/domain/partial.ts";
import { partialDigest } from "../../shared/domain/partial-digest.ts";
import { NO_RUN } from "../../shared/domain/run-facts.ts";
import { shardId } from "../../shared/domain/shard.ts";
import { sourceOfBytes } from "../../shared/storage/put-source.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { readText, readTextIfThere } from "../../shared/storage/whole-file.ts";
import { filesBelow } from "../support/bucket-output.ts";
import type { BucketServer } from "../support/bucket-server.ts";
import { rowCounts } from "../support/builders.ts";
import { aDigest, aJobId } from "../support/ids.ts";
import { lcg } from "../support/onnx-model.ts";

const SHARDS = 2;
const AT_MOST = 200;
const { signal } = new AbortController();

/** Client of a store whose caller exits at a request: before it is sent, or after it is done. */
class DyingClient {
  readonly client: ObjectClient;
  requests = 0;
  #isDead = false;

  constructor(real: ObjectClient, diesAt: (request: number) => "before" | "after" | null) {
    this.client = new Proxy(real, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== "function") return value;
        if (typeof name === "symbol") return value.bind(target);
        return async (...args: readonly unknown[]) => {
          if (this.#isDead) throw new Error("the caller has exited");
          this.requests += 1;
          const dies = diesAt(this.requests);
          this.#isDead = dies !== null;
          if (dies === "before") throw new Error(`the caller exited before ${String(name)}`);
          const answer: unknown = await Reflect.apply(value, target, args);
          // Another concurrent request may have been the last.
          if (this.#isDead) throw new Error(`the caller exited after ${String(name)}`);
          return answer;
        };
      },
    });
  }
}

function aPartial(shard: number, variant: string) {
  const text = `the row of shard ${shard}, ${variant}`;
  const files = [
    { kind: "rows", name: "rows.parquet", rows: 1, bytes: text.length, sha256: sha256(text) },
  ] as const;
  const counts = rowCounts(1);
  const partial: PartialManifest = {
    shard: shardId(shard),
    token: { generation: 1, sequence: shard + 1 },
    executionId: asExecutionId(`e${shard}${variant}`),
    ...counts,
    firstDeadLetter: null,
    files,
    digest: partialDigest(files),
  };
  return { partial, text };
}

/** Publishes to a real server by coordinators that exit at any request, and by several at once. */
export function publishToBucketContract(name: string, start: () => Promise<BucketServer>): void {
  describe(`publishing to ${name}`, () => {
    let server: BucketServer;
    let storage: Storage;
    let folder: string;
    let count = 0;
    beforeAll(async () => {
      server = await start();
      storage = server.storage();
      folder = await mkdtemp(join(tmpdir(), "shardmill-rivals-"));
    });
    beforeEach(() => {
      count += 1;
    });
    afterAll(async () => {
      await storage[Symbol.asyncDispose]();
      await Promise.all([server[Symbol.asyncDispose](), rm(folder, { recursive: true, force: true })]);
    });

    /** A coordinator whose shards are all committed, with the rows of its workers. */
    class Publisher {
      readonly paths: WorkPaths;
      readonly partials: readonly { readonly partial: PartialManifest; readonly text: string }[];

      private constructor(paths: WorkPaths, variant: string) {
        this.paths = paths;
        this.partials = Array.from({ length: SHARDS }, (_, shard) => aPartial(shard, variant));
      }

      static async of(
        output: string,
        { run, variant }: Record<"run" | "variant", string>,
      ): Promise<Publisher> {
        const work = { path: join(folder, run) };
        const paths = await findOutputPaths({ output: { path: output }, work }, storage);
        return new Publisher(withRun(paths, run), variant);
      }

      async putPartials(): Promise<void> {
        for (const { partial, text } of this.partials) {
          const location = below(this.paths.partials, partialFolder(partial), "rows.parquet");
          await storage.put(location, sourceOfBytes(text), { ifAbsent: true, signal });
        }
      }

      /**
       * Does the steps from the last commit to the end of the job. For a published job: the remaining ones.
       */
      async publish(used: Storage): Promise<void> {
        const { paths } = this;
        if ((await readTextIfThere(used, below(paths.output, MANIFEST_NAME), signal)) !== null)
          return await removeWorkFiles(paths, { storage: used, disk: realDisk, lock: realDisk });
        const place = { paths, storage: used, checksums: used.checksums };
        const staged = await stageOutput({
          ...place,
          facts: () => ({
            job: { id: aJobId(paths.run ?? ""), name: "rivals" },
            digests: { spec: aDigest("s"), input: aDigest("i"), model: aDigest("m") },
            run: { ...NO_RUN, rowsTotal: SHARDS, shardsCommitted: SHARDS, attempts: SHARDS },
            builds: [],
            versions: {},
          }),
          partials: this.partials.map(({ partial }) => partial),
          reduced: [],
          poisoned: [],
          keep: [],
          signal,
        });
        await publishOutput({ ...place, staged });
        await removeWorkFiles(paths, { storage: used, disk: realDisk, lock: realDisk });
      }
    }

    /** Reads the output from its manifest: null, or all files of a single coordinator. */
    async function published(output: string): Promise<string | null> {
      const out = parseLocation(output);
      if ((await readTextIfThere(storage, below(out, MANIFEST_NAME), signal)) === null) return null;
      const { files } = await readManifest(below(out, MANIFEST_NAME), storage, signal);
      expect(await filesBelow(storage, below(out, "rows"))).toEqual(files.map(({ path }) => path.slice(5)));
      const texts = await Promise.all(files.map(({ path }) => readText(storage, below(out, path), signal)));
      const variants = new Set(texts.map((text) => text.replace(/^.*, /, "")));
      expect(texts).toEqual(files.map((_, shard) => `the row of shard ${shard}, ${[...variants][0]}`));
      expect(files.map((file) => file.sha256)).toEqual(texts.map((text) => sha256(text)));
      return [...variants][0] ?? "";
    }

    /** Returns how publishing ended: well, by any publisher, or refused because another was first. */
    async function ended(publisher: Publisher, used: Storage): Promise<"ended" | "refused" | "lost"> {
      return await publisher.publish(used).then(
        () => "ended",
        (error: unknown) => {
          // The error of a file that cannot be read has this message in its own.
          if (/the caller (has )?exited/.test(String((error as Error).message))) return "lost";
          expect(error).toMatchObject({ code: "OUTPUT_OCCUPIED" });
          return "refused";
        },
      );
    }

    test.each([
      ["by the same coordinator", "first", null, ["before", "after"]],
      ["by another coordinator with the same rows", "first", "run-00000000000000bb", ["before"]],
      ["by another coordinator with other rows", "other", "run-00000000000000bb", ["after"]],
    ] as const)(
      "output of a coordinator that exits at any request is completed %s, and published once",
      async (_what, variant, rivalRun, hows) => {
        const ofTest = count;
        let deaths = 0;
        for (const how of hows) {
          for (let request = 1; request < AT_MOST; request += 1) {
            const output = `${server.bucket}/${ofTest}/${how}-${request}`;
            const first = await Publisher.of(output, { run: "run-00000000000000aa", variant: "first" });
            await first.putPartials();
            const dying = new DyingClient(server.client(), (at) => (at === request ? how : null));
            await using broken = createObjectStorage(dying.client);
            const outcome = await ended(first, broken);
            if (outcome === "ended") {
              expect(dying.requests).toBeLessThan(request);
              break;
            }
            deaths += 1;
            const before = await published(output);
            expect([null, "first"]).toContain(before);
            const next = rivalRun === null ? first : await Publisher.of(output, { run: rivalRun, variant });
            if (rivalRun !== null) await next.putPartials();
            const result = await ended(next, storage);
            const found = await published(output);
            expect(found).toBe(result === "refused" || before !== null ? "first" : variant);
            // A restarted coordinator finds that output, or its own, and removes nothing.
            if (rivalRun !== null) await ended(first, storage);
            expect(await published(output)).toBe(found);
          }
        }
        expect(deaths).toBeGreaterThan(20 * hows.length);
      },
      600_000,
    );

    test("two coordinators that publish concurrently, exit and restart publish one output", async () => {
      const random = lcg(11);
      let deaths = 0;
      for (let round = 0; round < 10; round += 1) {
        const output = `${server.bucket}/${count}/round-${round}`;
        const rivals = await Promise.all(
          ["aa", "bb"].map((end) => Publisher.of(output, { run: `run-00000000000000${end}`, variant: end })),
        );
        await Promise.all(rivals.map((rival) => rival.putPartials()));
        const outcomes = await Promise.all(
          rivals.map(async (rival) => {
            for (;;) {
              const at = 1 + Math.floor(random() * 60);
              const how = random() < 0.5 ? "before" : "after";
              const dying = new DyingClient(server.client(), (request) => (request === at ? how : null));
              await using broken = createObjectStorage(dying.client);
              const outcome = await ended(rival, broken);
              if (outcome !== "lost") return outcome;
              deaths += 1;
            }
          }),
        );
        expect(outcomes).toContain("ended");
        expect(["aa", "bb"]).toContain(await published(output));
      }
      expect(deaths).toBeGreaterThan(5);
    }, 600_000);
  });
}
