import fc from "fast-check";
import { expect, test } from "vitest";
import {
  formatRecord,
  type JobRecord,
  parseRecord,
  recordName,
  type StoredRecord,
  tooMany,
} from "../../../../coordinator/job-store/job-record.ts";
import type { JobStatus } from "../../../../shared/domain/job-status.ts";
import { NO_RUN } from "../../../../shared/domain/run-facts.ts";
import { USUAL_STANDING } from "../../../../shared/domain/standing.ts";
import { checkJobSpec } from "../../../../shared/job-file/check-job.ts";
import { aJobId } from "../../../support/ids.ts";

const spec = checkJobSpec({
  input: { path: "/data" },
  model: { path: "/model.onnx" },
  map: { inputs: { x: "é 10" }, outputs: { y: "y" } },
  output: { path: "/out" },
});

function aRecord(jobId = aJobId("known-1a")): JobRecord {
  const status: JobStatus = {
    ...NO_RUN,
    ...USUAL_STANDING,
    jobId,
    name: "known",
    output: "/out",
    manifest: "",
    rowsFormat: "parquet",
    ended: null,
    failure: null,
  };
  return { jobId, order: 3, spec, status };
}

test("a record is read as it was written", () => {
  const record = aRecord();
  expect(parseRecord(formatRecord(record), recordName(record.jobId))).toEqual({ kind: "record", record });
});

test("a record that is cut off anywhere or has a changed byte is detected as damaged", () => {
  const whole = Buffer.from(formatRecord(aRecord()), "utf8");
  const kindOf = (bytes: Uint8Array) =>
    parseRecord(Buffer.from(bytes).toString("utf8"), "known-1a.json").kind;
  // A file without the last line end is complete.
  for (let length = 0; length < whole.length - 1; length += 1)
    expect(kindOf(whole.subarray(0, length)), `${length} bytes`).toBe("damaged");
  const first = whole.indexOf("\n") + 1;
  for (let at = first; at < whole.length - 1; at += 7) {
    const changed = Uint8Array.from(whole);
    changed[at] = (changed[at] ?? 0) ^ 1;
    expect(kindOf(changed), `byte ${at}`).toBe("damaged");
  }
});

test("a record with another job's name, or a file of another kind, is detected as damaged", () => {
  expect(parseRecord(formatRecord(aRecord()), "other.json").kind).toBe("damaged");
  for (const text of ["", "null", "[]", "{}", "1\n2\n", '{"format":"1"}\n{}\n', "\u0000"])
    expect(parseRecord(text, "known-1a.json").kind, text).toBe("damaged");
});

test("a record of a later format is distinguished from a damaged one", () => {
  const later = formatRecord(aRecord()).replace('"format":1', '"format":2');
  expect(parseRecord(later, "known-1a.json")).toEqual({ kind: "later", format: 2 });
});

test("a count that an earlier version did not write has the value of a job that is not running", () => {
  const { devices: _, ...status } = aRecord().status;
  const earlier = formatRecord({ ...aRecord(), status } as unknown as JobRecord);
  expect(parseRecord(earlier, "known-1a.json")).toEqual({ kind: "record", record: aRecord() });
});

test("the oldest ended jobs are removed above a limit of count or bytes, and running jobs are kept", () => {
  const records = fc.array(fc.record({ bytes: fc.integer({ min: 1, max: 100 }), isEnded: fc.boolean() }));
  const most = fc.record({ jobs: fc.integer({ min: 1, max: 5 }), bytes: fc.integer({ min: 1, max: 300 }) });
  fc.assert(
    fc.property(records, most, (facts, bound) => {
      const all: StoredRecord[] = facts.map((fact, order) => ({
        jobId: aJobId(`j${order}`),
        order,
        ...fact,
      }));
      const gone = new Set(tooMany(all, bound));
      const stay = all.filter(({ jobId, isEnded }) => isEnded && !gone.has(jobId));
      const left = all.filter(({ jobId }) => gone.has(jobId));
      expect(left.every(({ isEnded }) => isEnded)).toBe(true);
      expect(stay.length).toBeLessThanOrEqual(bound.jobs);
      const bytes = stay.reduce((sum, record) => sum + record.bytes, 0);
      expect(stay.length <= 1 || bytes <= bound.bytes).toBe(true);
      expect(left.every(({ order }) => stay.every((kept) => kept.order > order))).toBe(true);
      // No more than necessary: with the youngest removed one, there would be too many.
      const next = left.reduce((sum, record) => Math.max(sum, record.order), -1);
      const nextBytes = all[next]?.bytes ?? 0;
      expect(left.length === 0 || stay.length === bound.jobs || bytes + nextBytes > bound.bytes).toBe(true);
    }),
  );
});
