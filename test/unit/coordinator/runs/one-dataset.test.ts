import { expect, test } from "vitest";
import { buildManifest } from "../../../../coordinator/publish/layout.ts";
import type { NothingNew } from "../../../../coordinator/runs/next-run.ts";
import { refuseOtherJobThan, refuseOtherRuns } from "../../../../coordinator/runs/one-dataset.ts";
import { runFolder } from "../../../../coordinator/runs/read-runs.ts";
import type { JobDigests } from "../../../../shared/domain/job.ts";
import { NO_STORES } from "../../../../shared/domain/job-stores.ts";
import { type Location, parseLocation } from "../../../../shared/domain/location.ts";
import { NO_RUN } from "../../../../shared/domain/run-facts.ts";
import { checkJobSpec } from "../../../../shared/job-file/check-job.ts";
import { rowCounts } from "../../../support/builders.ts";
import { aDigest, aJobId } from "../../../support/ids.ts";

const DIGESTS: JobDigests = { spec: aDigest("s"), input: aDigest("i"), model: aDigest("m") };
const aFile = (name: string) => ({ path: parseLocation(`/data/${name}`), bytes: 1, version: "v1" });

function aRun(number: number, names: readonly string[]) {
  const manifest = buildManifest(
    {
      job: { id: aJobId("j1"), name: "j" },
      digests: DIGESTS,
      run: NO_RUN,
      counts: rowCounts(0),
      inputFiles: names.map(aFile),
      builds: [],
      versions: {},
      columns: [{ name: "id", type: "int64" }],
    },
    [],
  );
  return { number, output: runFolder(parseLocation("/out"), number), manifest };
}

function nothingNew(names: readonly string[], runs: readonly (readonly string[])[]) {
  const published = runs.map((read, index) => aRun(index + 1, read));
  const files = names.map((name) => {
    const file = aFile(name);
    return { ...file, realPath: file.path, format: "csv" as const, folderValues: [] };
  });
  const listed: NothingNew["listed"] = { files, skippedFiles: [], stores: NO_STORES };
  const last = published.at(-1);
  if (last === undefined) throw new Error("a run is needed");
  return { last, listed, published };
}

/** Returns a function that identifies the job by its files, and the list of its calls. */
function identifier(digestsBy: (names: string) => Partial<JobDigests>) {
  const requested: string[] = [];
  const identify = async ({ files }: { readonly files: readonly { readonly path: Location }[] }) => {
    const names = files.map(({ path }) => path.slice("/data/".length)).join(" ");
    requested.push(names);
    return { digests: { ...DIGESTS, ...digestsBy(names) }, partitions: { kind: "none", why: null } as const };
  };
  return { requested, identify };
}

test("a job that matches on all files of the last run is accepted, though one file alone differs", async () => {
  const { requested, identify } = identifier((names) =>
    names === "b c" ? {} : { spec: aDigest("by one file") },
  );
  await refuseOtherJobThan(nothingNew(["a", "b", "c"], [["a"], ["b", "c"]]), identify);
  expect(requested).toEqual(["a", "b c"]);
});

test("if files of the last run are missing, the job is compared with an earlier run", async () => {
  const { requested, identify } = identifier((names) =>
    names === "a b" ? {} : { spec: aDigest("by one file") },
  );
  await refuseOtherJobThan(
    nothingNew(
      ["a", "b"],
      [
        ["a", "b"],
        ["b", "gone"],
      ],
    ),
    identify,
  );
  expect(requested).toEqual(["a", "a b"]);
});

test("another job file is refused after all files, and another model after the first file", async () => {
  const found = nothingNew(["a", "b"], [["a", "b"]]);
  const other = identifier(() => ({ spec: aDigest("other") }));
  await expect(refuseOtherJobThan(found, other.identify)).rejects.toMatchObject({
    code: "JOB_MISMATCH",
    message: expect.stringContaining("the job file changed"),
  });
  expect(other.requested).toEqual(["a", "a b"]);
  const model = identifier(() => ({ model: aDigest("other") }));
  await expect(refuseOtherJobThan(found, model.identify)).rejects.toMatchObject({ code: "JOB_MISMATCH" });
  expect(model.requested).toEqual(["a"]);
});

test("changed columns are reported before the digests that changed with them", () => {
  const spec = checkJobSpec({
    input: { path: "/data", new: true },
    model: { path: "/m.onnx" },
    output: { path: "/out" },
  });
  const planned = {
    digests: { ...DIGESTS, spec: aDigest("other") },
    partitions: { kind: "none", why: null } as const,
    map: { keep: [], outputs: [], finish: [] },
  };
  expect(() => refuseOtherRuns({ spec, published: [aRun(1, ["a"])] }, planned)).toThrow(/other columns/);
});
