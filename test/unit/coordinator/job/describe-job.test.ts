import { describe, expect, test } from "vitest";
import { buildsOf, describeJob, startNotes } from "../../../../coordinator/job/describe-job.ts";
import type { JournalRecord } from "../../../../coordinator/schedule/state/record.ts";
import { present } from "../../../../shared/core/assert.ts";
import { ownMapping } from "../../../../shared/core/mapping.ts";
import { parseLocation } from "../../../../shared/domain/location.ts";
import { encodeJson } from "../../../../shared/wire/codec-job.ts";
import { SeededRandom } from "../../../../sim/seeded-random.ts";
import { makeSimJob } from "../../../../sim/sim-plan.ts";
import { aJobId } from "../../../support/ids.ts";
import { needs } from "../../../support/needs.ts";

const place = {
  partialsPath: parseLocation("/out/partials"),
  beacon: { path: parseLocation("/out/beacon"), content: "b" },
};

/** Returns a job over files of one row, with names as long as systems permit. All rows are to be checked. */
function aJob(files: number) {
  const { planned } = makeSimJob(new SeededRandom(1), { failingRows: false, poisonRows: false, place: 0 });
  const [file] = planned.dataset.files;
  if (file === undefined) throw new Error("the job has no file");
  const path = (at: number) => parseLocation(`/${at}/${"x".repeat(4_000)}`);
  const many = Array.from({ length: files }, (_, at) => ({ ...file, path: path(at), rows: 1 }));
  const own = present(planned.spec.model, "the job has a model");
  const model = { ...own, check: { ...own.check, rows: 65_536 } };
  return { ...planned, spec: { ...planned.spec, model }, dataset: { ...planned.dataset, files: many } };
}

test("the device check samples the whole input, and the description fits into a message", () => {
  const description = describeJob(aJobId("j"), aJob(20_000), place);
  expect(encodeJson(description).length).toBeLessThan(16 << 20);
  const sample = description.deviceCheck?.sample ?? [];
  expect(sample).toHaveLength(1_024);
  expect(sample[0]?.file.path).toMatch(/^\/0\//);
  expect(Number(sample.at(-1)?.file.path.split("/")[1])).toBeGreaterThan(19_900);
  expect(describeJob(aJobId("j"), aJob(1_000), place).deviceCheck?.sample).toHaveLength(1_000);
});

const NOT_BEGUN = { mapping: "", phase: { kind: "planning" } } as const;

const started = (build: string, generation: number): JournalRecord => ({
  kind: "generationStarted",
  generation,
  build,
  mapping: "m",
  wallMs: 0,
  previousBytes: 0,
  previousCrc32: 0,
});

const buildsIn = (...builds: string[]) =>
  buildsOf(
    [],
    builds.map((build, index) => started(build, index + 1)),
  );

describe("the notes at the start of a job", () => {
  needs("csv-json")(
    "a note names the first three files with rows that are not UTF-8, and counts the others",
    () => {
      const job = aJob(5);
      const files = job.dataset.files.map((file) => ({ ...file, format: "csv" }));
      const undecoded = files.map(({ path }, at) => ({
        path: `${at}.csv`,
        rows: 1_000,
        records: 2,
        line: 7,
        byte: path.length,
      }));
      const notes = startNotes({ ...job, dataset: { ...job.dataset, files }, undecoded }, NOT_BEGUN, []);
      expect(notes).toHaveLength(1);
      expect(notes[0]).toMatch(
        /^rows that are not UTF-8 become dead letters: 2 of 1,000 rows of 0\.csv, the first in line 7 \(byte \d+\); .*2\.csv.*; and of 2 more files \(set input\.csv\.encoding/,
      );
    },
  );

  test("a note names the versions that worked on the job if there are several", () => {
    expect(buildsIn("0.1.0", "0.1.0")).toEqual(["0.1.0"]);
    expect(buildsIn("0.1.0", "0.2.0", "0.1.0")).toEqual(["0.2.0", "0.1.0"]);
    expect(startNotes(aJob(5), NOT_BEGUN, buildsIn("0.1.0"))).toEqual([]);
    expect(startNotes(aJob(5), NOT_BEGUN, buildsIn("0.1.0", "0.1.0", "0.2.0", "0.3.0"))).toEqual([
      "begun by shardmill 0.1.0, then 0.2.0, resumed by 0.3.0: the manifest will list all of them",
    ]);
  });

  test("if the job needs another mapping, a note names the versions whose workers get its shards", () => {
    const begun = { mapping: ownMapping().replace(/onnxruntime-node@\S+/, "onnxruntime-node@1.2.3") };
    const builds = buildsIn("0.1.0", "0.2.0");
    expect(startNotes(aJob(5), { ...begun, phase: { kind: "running" } }, builds)).toContain(
      "the job's rows are mapped by onnxruntime-node@1.2.3: only workers of shardmill 0.1.0 get its other shards, and --fresh starts it over",
    );
    // No worker maps any more.
    expect(startNotes(aJob(5), { ...begun, phase: { kind: "reducing" } }, builds)).toHaveLength(1);
    const same = { mapping: ownMapping(), phase: { kind: "running" } } as const;
    expect(startNotes(aJob(5), same, builds)).toHaveLength(1);
  });

  test("a note names what was excluded from the input", () => {
    const skippedFiles = [
      { reason: "jobOutput", count: 1, examples: ["/d/out"] },
      { reason: "hidden", count: 1_200, examples: ["/d/.a", "/d/.b", "/d/_c"] },
    ] as const;
    expect(startNotes({ ...aJob(5), skippedFiles }, NOT_BEGUN, ["0.1.0"])).toEqual([
      "excluded from the input: 1 output of a job (/d/out); 1,200 names that begin with . or _ (/d/.a, /d/.b, /d/_c, ...)",
    ]);
  });
});
