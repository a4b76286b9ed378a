import { expect } from "vitest";
import { namedPlaces } from "../../../../coordinator/access/named-places.ts";
import type { JobSpec } from "../../../../shared/domain/job-spec.ts";
import { foldersIn } from "../../../../shared/domain/map-folders.ts";
import { checkJob, isProblems } from "../../../../shared/job-file/check-job.ts";
import { specDigest } from "../../../../shared/job-file/spec-digest.ts";
import { decodeJobSpec, encodeJson } from "../../../../shared/wire/codec-job.ts";
import { needs } from "../../../support/needs.ts";

function specOf(folder: string, folderOfFile = "/jobs", rate = 16_000): JobSpec {
  const job = {
    input: { path: "./in.parquet" },
    map: {
      prepare: [{ sql: "SELECT * FROM rows" }, { sound: { column: "a", rate, folder } }],
      finish: [{ image: { column: "b", folder } }],
    },
    output: { path: "./out" },
  };
  const checked = checkJob(job, { defaultName: "job", folder: folderOfFile });
  if (isProblems(checked)) throw new Error(JSON.stringify(checked));
  return checked;
}

const FOLDERS = [
  { path: ["map", "prepare", 1, "sound", "folder"], folder: "/jobs/files" },
  { path: ["map", "finish", 0, "image", "folder"], folder: "/jobs/files" },
];

needs("image", "sound")("folders of steps are below the job file's folder, and places of the job", () => {
  const spec = specOf("./files");
  expect(foldersIn(spec.map)).toEqual(FOLDERS);
  expect(foldersIn(specOf("s3://bucket/files").map)).toMatchObject([
    { folder: "s3://bucket/files" },
    { folder: "s3://bucket/files" },
  ]);
  expect(namedPlaces(spec)).toEqual(
    expect.arrayContaining([
      { where: "map.prepare[1].sound.folder", location: "/jobs/files" },
      { where: "map.finish[0].image.folder", location: "/jobs/files" },
    ]),
  );
});

needs("image", "sound")("a job may move with the folders of its steps, but not change other keys", () => {
  expect(specDigest(specOf("./files", "/moved"))).toBe(specDigest(specOf("./files")));
  expect(specDigest(specOf("./files", "/jobs", 8000))).not.toBe(specDigest(specOf("./files")));
});

needs("image", "sound")("a submitted job with a relative folder in a step is refused", () => {
  const spec = specOf("./files");
  expect(foldersIn(decodeJobSpec(encodeJson(spec)).map)).toEqual(FOLDERS);
  const relative = JSON.parse(JSON.stringify(spec).replace("/jobs/files", "files"));
  expect(() => decodeJobSpec(encodeJson(relative))).toThrow(
    expect.objectContaining({
      problems: [{ where: "files", what: "is not an absolute path", hint: expect.any(String) }],
    }),
  );
});
