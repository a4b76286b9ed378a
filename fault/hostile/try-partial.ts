import { cp, mkdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CheckerThreadClient } from "../../coordinator/commit/checker-thread-client.ts";
import { createPartialStore } from "../../coordinator/commit/partial-store.ts";
import { type WorkPaths, workPaths } from "../../coordinator/publish/work-paths.ts";
import { reducePartials } from "../../coordinator/reduce/reduce.ts";
import { asDigest, sha256 } from "../../shared/core/digest.ts";
import { asExecutionId } from "../../shared/domain/execution-id.ts";
import { type PartialFile, type PartialManifest, partialFolder } from "../../shared/domain/partial.ts";
import { partialDigest } from "../../shared/domain/partial-digest.ts";
import { shardId } from "../../shared/domain/shard.ts";
import { openLockedDatabase } from "../../shared/sql/locked-database.ts";
import { createLocalStorage } from "../../shared/storage/local.ts";
import { writePartials } from "../../test/support/partial-builder.ts";
import { Dice } from "./dice.ts";
import { type Trial, trialSeed } from "./kinds.ts";
import { mutate } from "./mutate.ts";

const REDUCE = {
  counts: { combine: "SELECT count(*) AS n FROM rows", final: "SELECT sum(n)::BIGINT AS n FROM partials" },
  all: { final: "SELECT count(*) AS n, max(id) AS id FROM rows" },
};
const SHAPE = { reduce: REDUCE, rowsFormat: "parquet", hasSteps: false, hasMadeInputs: false } as const;

/** Partials of a careless, broken or hostile worker: verified as at a commit, and then reduced. */
export class PartialTrials implements AsyncDisposable {
  readonly #folder: string;
  readonly #paths: WorkPaths;
  readonly #storage = createLocalStorage();
  readonly #store: ReturnType<typeof createPartialStore>;
  #good: readonly PartialManifest[] = [];

  constructor(folder: string) {
    this.#folder = folder;
    this.#paths = workPaths(folder);
    this.#store = createPartialStore(this.#paths.partials, SHAPE, {
      storage: this.#storage,
      openChecker: (place) => new CheckerThreadClient(place),
    });
  }

  /** @throws {Error} when a partial is accepted that differs from its manifest */
  async attempt(trial: Trial): Promise<string> {
    await this.#restore();
    const dice = new Dice(trialSeed(trial));
    const [partial, other] = this.#good;
    if (partial === undefined || other === undefined) throw new Error("two good partials");
    const lie =
      trial.index === 0 ? HONEST : (LIES[trial.index - 1] ?? dice.pick([damageFile, damageFile, forge]));
    const lying = await lie({ partial, other, partials: this.#paths.partials, dice });
    const { signal } = new AbortController();
    await this.#store.verifyPartial(lying.manifest, signal);
    if (!lying.mayPass) throw new Error(`${lying.what}: it was accepted`);
    await reducePartials({
      reduce: REDUCE,
      fields: [{ name: "id", type: { kind: "numeric", type: "int64" }, nullable: true }],
      partials: [lying.manifest, other],
      paths: this.#paths,
      storage: this.#storage,
      signal,
      open: openLockedDatabase,
    });
    return lying.what;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#store[Symbol.asyncDispose]();
  }

  /** Restores the good partials, which are made once, before each trial. */
  async #restore(): Promise<void> {
    const kept = join(this.#folder, "good");
    if (this.#good.length === 0) {
      await rm(kept, { recursive: true, force: true });
      const rows = (from: number) =>
        `SELECT range AS id, 'row ' || range AS note FROM range(${from}, ${from + 500})`;
      this.#good = await writePartials(
        { partialsPath: kept, tempFolder: join(this.#folder, "temp"), reduce: REDUCE },
        [
          { shard: 0, rows: rows(0) },
          { shard: 1, rows: rows(500) },
        ],
      );
    }
    await rm(this.#paths.partials, { recursive: true, force: true });
    await rm(this.#paths.stage, { recursive: true, force: true });
    await cp(kept, this.#paths.partials, { recursive: true });
  }
}

interface Scene {
  readonly partial: PartialManifest;
  readonly other: PartialManifest;
  readonly partials: string;
  readonly dice: Dice;
}

interface LyingPartial {
  readonly what: string;
  readonly manifest: PartialManifest;
  /** True when the digests match the files, so that only a reader can detect the nonsense. */
  readonly mayPass: boolean;
}

type Lie = (scene: Scene) => Promise<LyingPartial>;

const HONEST: Lie = async ({ partial }) => ({ what: "a valid partial", manifest: partial, mayPass: true });

/** Manifests that differ from the files. */
const LIES: readonly Lie[] = [
  says("one row more", (partial) => ({
    ...partial,
    rowsIn: partial.rowsIn + 1,
    rowsMapped: partial.rowsMapped + 1,
    rowsOut: partial.rowsOut + 1,
  })),
  says("rows that do not add up", (partial) => ({ ...partial, rowsIn: partial.rowsIn + 1 })),
  says("a filtered row that is in the output", (partial) => ({
    ...partial,
    rowsMapped: partial.rowsMapped - 1,
    rowsFiltered: 1,
  })),
  says("a filtered row besides the mapped ones", (partial) => ({ ...partial, rowsFiltered: 1 })),
  says("more truncated rows than mapped ones", (partial) => ({
    ...partial,
    rowsTruncated: partial.rowsMapped + 1,
  })),
  says("-1 rows", (partial) => ({ ...partial, rowsIn: -1, rowsMapped: -1, rowsOut: -1 })),
  says("half a row", (partial) => ({ ...partial, rowsIn: 0.5, rowsMapped: 0.5, rowsOut: 0.5 })),
  says("dead rows without files", (partial) => ({
    ...partial,
    rowsIn: partial.rowsIn + 1,
    rowsDeadLettered: 1,
  })),
  says("another digest", (partial) => ({ ...partial, digest: asDigest("0".repeat(64)) })),
  says("another file's digest", (partial) => withFile(partial, { sha256: asDigest("0".repeat(64)) })),
  says("an invalid digest", (partial) => withFile(partial, { sha256: asDigest("../../etc/passwd") })),
  says("another size", (partial) => withFile(partial, { bytes: 1 })),
  says("2^53 bytes", (partial) => withFile(partial, { bytes: 2 ** 53 })),
  says("a file name outside the folder", (partial) => withFile(partial, { name: "../../rows.parquet" })),
  says("a name of a system file", (partial) => withFile(partial, { name: "/etc/passwd" })),
  says("no files", (partial) => withFiles(partial, [])),
  says("each file twice", (partial) => withFiles(partial, [...partial.files, ...partial.files])),
  says("another kind", (partial) => withFile(partial, { kind: "errors" })),
  says("an execution id outside the folder", (partial) => ({
    ...partial,
    executionId: asExecutionId("../../x"),
  })),
  says("an execution id of a megabyte", (partial) => ({
    ...partial,
    executionId: asExecutionId("x".repeat(1 << 20)),
  })),
  says("another shard", (partial) => ({ ...partial, shard: shardId(7) })),
  says("another token", (partial) => ({ ...partial, token: { generation: 9, sequence: 9 } })),
  lies("the files of another partial", async ({ partial, other, partials }) => {
    const [a, b, spare] = [partial, other]
      .map(partialFolder)
      .concat("spare")
      .map((name) => join(partials, name));
    if (a === undefined || b === undefined || spare === undefined) throw new Error("three folders");
    await rename(a, spare);
    await rename(b, a);
    await rename(spare, b);
  }),
  lies("an additional file", ({ partial, partials }) =>
    writeFile(join(partials, partialFolder(partial), "more.parquet"), "x"),
  ),
  lies("a link in place of its rows", async (scene) => {
    const path = rowsPath(scene);
    await rename(path, join(scene.partials, "elsewhere"));
    await symlink(join(scene.partials, "elsewhere"), path);
  }),
  lies("a folder in place of its rows", async (scene) => {
    await rm(rowsPath(scene));
    await mkdir(rowsPath(scene));
  }),
  lies("a link in place of its folder", async ({ partial, partials }) => {
    const folder = join(partials, partialFolder(partial));
    await rename(folder, join(partials, "elsewhere"));
    await symlink(join(partials, "elsewhere"), folder);
  }),
  lies("no folder", ({ partial, partials }) =>
    rm(join(partials, partialFolder(partial)), { recursive: true }),
  ),
];

function says(what: string, change: (partial: PartialManifest) => PartialManifest): Lie {
  return async ({ partial }) => ({ what: `says: ${what}`, manifest: change(partial), mayPass: false });
}

function lies(what: string, change: (scene: Scene) => Promise<void>): Lie {
  return async (scene) => {
    await change(scene);
    return { what, manifest: scene.partial, mayPass: false };
  };
}

/** Damages a file that a worker wrote, as a disk or a network may. */
async function damageFile(scene: Scene): Promise<LyingPartial> {
  const path = rowsPath(scene);
  const before = await readFile(path);
  const { what, bytes } = mutate(before, scene.dice);
  await writeFile(path, bytes);
  return { what: `damaged: ${what}`, manifest: scene.partial, mayPass: before.equals(bytes) };
}

/** Damages a file and signs it again, so that only a reader can detect it. */
async function forge(scene: Scene): Promise<LyingPartial> {
  const file = scene.dice.pick(scene.partial.files);
  const path = join(scene.partials, partialFolder(scene.partial), file.name);
  const { what, bytes } = mutate(await readFile(path), scene.dice);
  await writeFile(path, bytes);
  const signed = { ...file, bytes: bytes.length, sha256: sha256(bytes) };
  const files = scene.partial.files.map((each) => (each === file ? signed : each));
  return { what: `forged: ${what}`, manifest: withFiles(scene.partial, files), mayPass: true };
}

function rowsPath({ partial, partials }: Scene): string {
  return join(partials, partialFolder(partial), "rows.parquet");
}

function withFile(partial: PartialManifest, change: Partial<PartialFile>): PartialManifest {
  const [first, ...rest] = partial.files;
  if (first === undefined) throw new Error("a partial has files");
  return withFiles(partial, [{ ...first, ...change }, ...rest]);
}

function withFiles(partial: PartialManifest, files: readonly PartialFile[]): PartialManifest {
  return { ...partial, files, digest: partialDigest(files) };
}
