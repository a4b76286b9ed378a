import { expect, test } from "vitest";
import { publishOutput } from "../../../../coordinator/publish/publish.ts";
import { stageOutput } from "../../../../coordinator/publish/stage.ts";
import { workPaths } from "../../../../coordinator/publish/work-paths.ts";
import { NEVER } from "../../../../shared/core/abort.ts";
import { sha256 } from "../../../../shared/core/digest.ts";
import { below } from "../../../../shared/domain/location.ts";
import { partialFolder } from "../../../../shared/domain/partial.ts";
import { NO_RUN } from "../../../../shared/domain/run-facts.ts";
import { MemoryStorage, type StorageCall } from "../../../../shared/storage/memory.ts";
import { sourceOfBytes } from "../../../../shared/storage/put-source.ts";
import { readText } from "../../../../shared/storage/whole-file.ts";
import { aPartialManifest } from "../../../support/builders.ts";
import { aDigest, aJobId } from "../../../support/ids.ts";
import { needs } from "../../../support/needs.ts";

const PATHS = workPaths("/out");
const TEXT = "the row of a shard";
const FILES = [
  { kind: "rows", name: "rows.parquet", rows: 1, bytes: TEXT.length, sha256: sha256(TEXT) },
] as const;
const PARTIAL = aPartialManifest({ files: FILES });

/** A store whose process exits at one of its calls. Its earlier changes stay. */
class Dying {
  readonly storage = new MemoryStorage({ before: (call) => this.#called(call) });
  readonly #besides: Readonly<Record<string, string>>;
  #left = Number.POSITIVE_INFINITY;

  constructor(sidecars: Readonly<Record<string, string>>) {
    this.#besides = sidecars;
  }

  dieAt(call: number): void {
    this.#left = call;
  }

  async publish(): Promise<void> {
    const { storage } = this;
    const staged = await stageOutput({
      facts: () => ({
        job: { id: aJobId("j1"), name: "j" },
        digests: { spec: aDigest("s"), input: aDigest("i"), model: aDigest("m") },
        run: { ...NO_RUN, rowsTotal: 1, shardsCommitted: 1, attempts: 1 },
        marker: "_SUCCESS",
        sidecars: this.#besides,
        builds: [],
        versions: {},
      }),
      partials: [PARTIAL],
      paths: PATHS,
      reduced: [],
      poisoned: [],
      keep: [],
      storage,
      signal: new AbortController().signal,
    });
    await publishOutput({ paths: PATHS, storage, staged });
  }

  /** Returns the existing files, independently of the process. */
  async seen(): Promise<string> {
    this.dieAt(Number.POSITIVE_INFINITY);
    const names = ["_manifest.json", "_report.html", "_SUCCESS"];
    const kinds = await Promise.all(
      names.map((name) => this.storage.kindAt(below(PATHS.output, name), NEVER)),
    );
    return names.filter((_, at) => kinds[at] !== null).join(", ");
  }

  report(): Promise<string> {
    return readText(this.storage, below(PATHS.output, "_report.html"), NEVER);
  }

  async #called({ call }: StorageCall): Promise<void> {
    this.#left -= 1;
    if (this.#left === 0) throw new Error(`the process exited at ${call}`);
  }
}

/** Publishes until no process exits early. Returns the files that the exited ones left, in order. */
async function publishedByDying(sidecars: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const seen = new Set<string>();
  for (let call = 1, isOver = false; !isOver; call += 1) {
    const place = new Dying(sidecars);
    const rows = below(PATHS.partials, partialFolder(PARTIAL), "rows.parquet");
    await place.storage.put(rows, sourceOfBytes(TEXT), { signal: NEVER });
    place.dieAt(call);
    isOver = await place.publish().then(
      () => true,
      () => false,
    );
    seen.add(await place.seen());
    await place.publish();
    const names = ["_manifest.json", ...Object.values(sidecars), "_SUCCESS"];
    expect(await place.seen()).toBe(names.join(", "));
    if (names.includes("_report.html"))
      expect(await place.report()).toMatch(/^<!doctype html>.*<\/html>\n$/s);
  }
  return [...seen];
}

test("wherever a process exits, the marker exists only with the manifest, and a repeated publish adds it", async () => {
  expect(await publishedByDying({})).toEqual(["", "_manifest.json", "_manifest.json, _SUCCESS"]);
});

needs("report")("a report is written after the manifest and before the marker", async () => {
  expect(await publishedByDying({ report: "_report.html" })).toEqual([
    "",
    "_manifest.json",
    "_manifest.json, _report.html",
    "_manifest.json, _report.html, _SUCCESS",
  ]);
});
