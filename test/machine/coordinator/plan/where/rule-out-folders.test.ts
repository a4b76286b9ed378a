import { posix } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { discoverFiles, type FoundInput } from "../../../../../coordinator/plan/input/discover.ts";
import type { FolderJudge } from "../../../../../coordinator/plan/input/folder-ruling.ts";
import type { FolderValue } from "../../../../../coordinator/plan/input/folder-values.ts";
import { findPartitions } from "../../../../../coordinator/plan/input/partitions.ts";
import { folderRules, isRuledRight } from "../../../../../coordinator/plan/where/rule-out-folders.ts";
import { NEVER } from "../../../../../shared/core/abort.ts";
import type { JobSpec } from "../../../../../shared/domain/job-spec.ts";
import { parseLocation } from "../../../../../shared/domain/location.ts";
import { MemoryStorage } from "../../../../../shared/storage/memory.ts";
import { sourceOfBytes } from "../../../../../shared/storage/put-source.ts";
import { FileTree } from "../../../../support/file-tree.ts";

/** A condition on a folder's value. A row must meet all of them. Nulls meet only `null`. */
interface Wanted {
  readonly name: string;
  readonly is: "=" | "<" | "null";
  readonly value: string;
}

type Columns = FolderJudge["columns"];

/** Checks a condition. Numbers are compared as such, and other values as text, as the columns decide. */
function holds({ is, value }: Wanted, column: Columns[number] | undefined, found: string | null): boolean {
  if (is === "null" || found === null) return is === "null" && found === null;
  if (column?.type === "int64" && /^\d+$/.test(value))
    return is === "=" ? BigInt(found) === BigInt(value) : BigInt(found) < BigInt(value);
  return is === "=" ? found === value : found < value;
}

function judgeOf(wanted: readonly Wanted[], columns: Columns): FolderJudge {
  return {
    columns,
    rulesOut: (values) =>
      values.every(({ name }, at) => name === columns[at]?.name) &&
      values.every(({ value }, at) => columns[at]?.type !== "int64" || value === null || isWhole(value)) &&
      wanted.some((each) => {
        const at = values.findIndex(({ name }) => name === each.name);
        return at >= 0 && !holds(each, columns[at], values[at]?.value ?? null);
      }),
  };
}

const isWhole = (value: string) => /^(0|[1-9]\d*)$/.test(value);

type Input = JobSpec["input"];

function inputOf(path: readonly string[], wanted: readonly Wanted[]): Input {
  const where = wanted.map(({ name }) => name).join(" AND ");
  return { path: [...path], format: "auto", where } as unknown as Input;
}

interface Left {
  readonly files: readonly { readonly path: string; readonly values: readonly (FolderValue & object)[] }[];
  readonly columns: Columns;
}

/** Returns the remaining files, and the values of their folders. */
function leftOf(found: FoundInput, wanted: readonly Wanted[]): Left {
  const { partitions, files } = findPartitions(found.files, undefined, {}, found.ruled?.folders);
  const shown = (left: typeof files) => left.map(({ path, partitions: values }) => ({ path, values }));
  if (partitions.kind === "none") return { files: shown(files), columns: [] };
  const columns = (files[0]?.partitions ?? []).map(({ name, type }) => ({ name, type }));
  const judge = judgeOf(wanted, columns);
  const left = files.filter(({ partitions: values }) => !judge.rulesOut(values));
  return { files: shown(left.length > 0 ? left : files.slice(0, 1)), columns };
}

/** Discovers files as planning does, and reports whether that needed a second pass over all folders. */
async function prunedFrom(
  input: Input,
  wanted: readonly Wanted[],
  discover: (rules?: ReturnType<typeof folderRules>) => Promise<FoundInput>,
): Promise<{ readonly left: Left; readonly ruled: number; readonly isAgain: boolean }> {
  const rules = folderRules(input, { judge: async (_, columns) => judgeOf(wanted, columns), signal: NEVER });
  const found = await discover(rules);
  const isRight = isRuledRight(found, input);
  const left = leftOf(isRight ? found : await discover(), wanted);
  return { left, ruled: isRight ? (found.ruled?.folders.length ?? 0) : 0, isAgain: !isRight };
}

/** Folder values: any at the first level, including null. At the second level, all are of one kind. */
const YEARS = ["1", "2", "3", "10", "01", "x", "__HIVE_DEFAULT_PARTITION__", "1%20b"];
const MONTHS = ["1", "2", "9", "10"];

const fileArbitrary = fc
  .record({
    y: fc.oneof({ weight: 7, arbitrary: fc.constantFrom(...YEARS.slice(0, 4)) }, fc.constantFrom(...YEARS)),
    between: fc.constantFrom("", "", "deep/"),
    m: fc.constantFrom(...MONTHS),
    name: fc.constantFrom("a.parquet", "b.parquet", "_c.parquet", "d.txt"),
  })
  .map(({ y, between, m, name }) => [
    `d/y=${y}/${between}m=${m}/a.parquet`,
    `d/y=${y}/${between}m=${m}/${name}`,
  ]);

const wantedArbitrary = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom("1", "2", "2", "5").map((value) => ({ name: "y", is: "=", value }) as const),
  },
  fc.record({
    name: fc.constantFrom("y", "m"),
    is: fc.constantFrom("=", "<", "null"),
    value: fc.constantFrom("1", "2", "10", "9", "x", "nothing"),
  }),
);

/** Other files beside the folders, and links to files in the folders or elsewhere. */
const strayArbitrary = fc.constantFrom("d/stray.parquet", "d/z=1/stray.parquet", "d/y=77/.keep");
const linkArbitrary = fc.oneof(
  fc.tuple(
    fc.constantFrom("d/latest", "d/0", "d/link.parquet"),
    fc.constantFrom("d/y=1", "d/y=1/m=1", "d/y=1/m=1/a.parquet", "o", "o/m=1", "d"),
  ),
  fc.tuple(fc.constantFrom("d/y=2", "d/y=5", "d/y=7"), fc.constantFrom("d/y=1", "o", "d")),
  fc.constant(["d/y=5/m=1/link.parquet", "d/y=1/m=1/a.parquet"] as const),
);

const INPUTS = [
  ["d"],
  ["d/**/*.parquet"],
  ["d/y=*/**/*.parquet"],
  ["d/y=1", "d"],
  ["d", "d/y=1"],
  ["o", "d"],
];

test("the remaining files are the same whether folders are excluded before they are listed or after", async () => {
  let [unlisted, again] = [0, 0];
  const scene = fc.record({
    files: fc.array(fileArbitrary, { minLength: 6, maxLength: 12 }),
    strays: fc.oneof(
      { weight: 5, arbitrary: fc.constant([]) },
      fc.array(strayArbitrary, { minLength: 1, maxLength: 1 }),
    ),
    links: fc.array(linkArbitrary, { maxLength: 1 }),
    wanted: fc.oneof(
      { weight: 4, arbitrary: fc.tuple(wantedArbitrary) },
      fc.tuple(wantedArbitrary, wantedArbitrary),
    ),
    paths: fc.constantFrom(...INPUTS),
  });
  await fc.assert(
    fc.asyncProperty(scene, async ({ files, strays, links, wanted, paths }) => {
      await using tree = await treeOf([...files.flat(), ...strays], links);
      const input = inputOf(
        paths.map((path) => tree.at(path)),
        wanted,
      );
      const discover = (rules?: ReturnType<typeof folderRules>) =>
        discoverFiles(input, tree.at("out"), { rules, signal: NEVER });
      const plain = await discover().catch((error: unknown) => error);
      if (plain instanceof Error) {
        await expect(prunedFrom(input, wanted, discover)).rejects.toMatchObject({ code: "INPUT_NOT_FOUND" });
        return;
      }
      const { left, ruled, isAgain } = await prunedFrom(input, wanted, discover);
      expect(left).toEqual(leftOf(plain as FoundInput, wanted));
      unlisted += Math.min(1, ruled);
      again += isAgain ? 1 : 0;
    }),
    { numRuns: 200, seed: 20 },
  );
  expect(unlisted).toBeGreaterThan(50);
  expect(again).toBeGreaterThan(50);
});

async function treeOf(
  files: readonly string[],
  links: readonly (readonly [link: string, to: string])[],
): Promise<FileTree> {
  const plain = [...new Set(["o/m=1/o.parquet", "d/.keep", ...files])];
  const free = links.filter(([link]) => !plain.some((file) => file.startsWith(`${link}/`) || file === link));
  const target = ([link, to]: readonly [string, string]) => [
    link,
    posix.relative(posix.dirname(link), to) || ".",
  ];
  const there = free.filter(([, to]) => plain.some((file) => file.startsWith(`${to}/`) || file === to));
  return await FileTree.make(plain, Object.fromEntries(there.map(target)));
}

async function bucketOf(keys: readonly string[]) {
  const listed: string[] = [];
  class Counted extends MemoryStorage {
    override list(...call: Parameters<MemoryStorage["list"]>): ReturnType<MemoryStorage["list"]> {
      if (call[1]?.prefix === undefined) listed.push(call[0]);
      return super.list(...call);
    }
  }
  const bucket = new Counted();
  for (const key of keys)
    await bucket.put(parseLocation(`s3://bucket/${key}`), sourceOfBytes(key), { signal: NEVER });
  return { bucket, listed };
}

function findIn(bucket: MemoryStorage, path: readonly string[], wanted: readonly Wanted[]) {
  const input = inputOf(path, wanted);
  const discover = (rules?: ReturnType<typeof folderRules>) =>
    discoverFiles(input, "s3://bucket/own", { rules, openers: { s3: async () => bucket }, signal: NEVER });
  return {
    plain: async () => leftOf(await discover(), wanted),
    pruned: () => prunedFrom(input, wanted, discover),
  };
}

const dayOf = (at: number) => new Date(Date.UTC(2018, 0, 1 + at)).toISOString().slice(0, 10);

test.each(["s3://bucket/data", "s3://bucket/data/day=*/hour=*/*.parquet"])(
  "only the wanted day and one sample of 3,000 days are listed (%s)",
  async (path) => {
    const days = Array.from({ length: 3_000 }, (_, at) => `data/day=${dayOf(at)}`);
    const { bucket, listed } = await bucketOf(
      days.flatMap((day) => [`${day}/hour=1/a.parquet`, `${day}/hour=2/a.parquet`]),
    );
    const wanted: Wanted[] = [
      { name: "day", is: "=", value: "2024-02-29" },
      { name: "hour", is: "=", value: "2" },
    ];
    const { left, ruled, isAgain } = await findIn(bucket, [path], wanted).pruned();
    expect(left.files.map((file) => file.path)).toEqual(["s3://bucket/data/day=2024-02-29/hour=2/a.parquet"]);
    expect({ ruled, isAgain }).toEqual({ ruled: 2_999 + 1, isAgain: false });
    expect(listed).toEqual([
      "s3://bucket/data",
      "s3://bucket/data/day=2018-01-01",
      "s3://bucket/data/day=2018-01-01/hour=1",
      "s3://bucket/data/day=2024-02-29",
      "s3://bucket/data/day=2024-02-29/hour=2",
    ]);
  },
);

test("the same folders are excluded below each of several input paths", async () => {
  const keys = [1, 2, 3].flatMap((top) => [1, 2, 3].map((y) => `t${top}/y=${y}/a.parquet`));
  const { bucket, listed } = await bucketOf(keys);
  const wanted: Wanted[] = [{ name: "y", is: "=", value: "2" }];
  const { plain, pruned } = findIn(bucket, ["s3://bucket/t1", "s3://bucket/t2", "s3://bucket/t3"], wanted);
  const { left } = await pruned();
  const known = [...listed];
  expect(left).toEqual(await plain());
  expect(left.files).toHaveLength(3);
  expect(known.filter((folder) => folder.endsWith("y=3"))).toEqual([]);
});

test("an input path whose folders are all excluded is accepted, and one without files is refused", async () => {
  const { bucket } = await bucketOf(["t1/y=1/a.parquet", "t2/y=2/a.parquet", "t3/y=1/a.txt", "t3/y=3/a.txt"]);
  const wanted: Wanted[] = [{ name: "y", is: "=", value: "2" }];
  const { plain, pruned } = findIn(bucket, ["s3://bucket/t1", "s3://bucket/t2"], wanted);
  const { left } = await pruned();
  expect(left).toEqual(await plain());
  expect(left.files.map(({ path }) => path)).toEqual(["s3://bucket/t2/y=2/a.parquet"]);
  await expect(findIn(bucket, ["s3://bucket/t2", "s3://bucket/t3"], wanted).pruned()).rejects.toMatchObject({
    code: "INPUT_NOT_FOUND",
    problems: [
      {
        where: "s3://bucket/t3",
        found: "2 files with other extensions (s3://bucket/t3/y=1/a.txt, s3://bucket/t3/y=3/a.txt)",
      },
    ],
  });
});

test("if one folder value is not a number, all folders are listed and compared as text", async () => {
  const months = ["1", "9", "10"];
  const keys = ["1", "2", "x"].flatMap((y) =>
    months.map((m) => `data/y=${y}/m=${y === "2" ? "x" : ""}${m}/a.parquet`),
  );
  const { bucket } = await bucketOf(keys);
  const wanted: Wanted[] = [
    { name: "m", is: "<", value: "9" },
    { name: "y", is: "<", value: "3" },
  ];
  const { plain, pruned } = findIn(bucket, ["s3://bucket/data"], wanted);
  const { left, isAgain } = await pruned();
  expect(isAgain).toBe(true);
  expect(left).toEqual(await plain());
  expect(left.columns).toEqual([
    { name: "y", type: "string" },
    { name: "m", type: "string" },
  ]);
  // Numerically, 10 is greater than 9.
  expect(left.files.map(({ path }) => path.slice("s3://bucket/".length))).toEqual([
    "data/y=1/m=1/a.parquet",
    "data/y=1/m=10/a.parquet",
  ]);
});
