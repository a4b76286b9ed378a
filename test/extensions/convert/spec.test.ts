import { expect, test } from "vitest";
import { specDigest } from "../../../shared/job-file/spec-digest.ts";
import { parseJob, problemsOfJob } from "../../unit/shared/job-file/job-text.ts";

const job = (precision: string) => ({ set: [`model.precision=${precision}`] });

test("digests of jobs with a precision are the same as in earlier versions", () => {
  const digest = (precision: string) => specDigest(parseJob(job(precision)));
  expect(digest("original")).toBe(specDigest(parseJob({})));
  expect(digest("original")).toBe("01196c8dc6b6d47b6b5693a7787a9d8d3c3e4c33c9dba74d4a8d1f0919f4a90c");
  expect(digest("fp16")).toBe("d333036c9b8e4358ce5eb12a1e145d74ae67cfacb1cf62df7cbc1ea31d443c62");
  expect(digest("int8")).toBe("deb2400f1c98e29c38bcb6a76d7b67a398cb6b0cd757045c8d7c4a6d30b7f92b");
});

test("an unknown precision is refused with a list of the known ones", () => {
  expect(problemsOfJob(job("int4"))).toMatchObject([
    { where: "--set model.precision=int4", expected: "`original`, `fp16` or `int8`" },
  ]);
});
