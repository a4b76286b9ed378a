import { isAbsolute } from "node:path";
import type * as z from "zod";
import { type Problem, ShardmillError } from "../core/errors.ts";
import { decodeDocument } from "../core/utf8.ts";
import { PARSED_ONCE } from "../core/zod.ts";
import { JOB_FILE_SCHEMA, type JobSpec } from "../domain/job-spec.ts";
import { stagesOf } from "../domain/job-stages.ts";
import { isAddress } from "../domain/location.ts";
import { foldersIn } from "../domain/map-folders.ts";
import { flatFeatures } from "./codec-steps.ts";
import { JOB_DESCRIPTION_SCHEMA, type JobDescription } from "./job-description.ts";

/*
 * The job spec to the coordinator and the job description to workers are JSON inside the protocol. They
 * belong to the job, not to the protocol, and grow with the job file. Both are checked on arrival.
 */

/** Encodes a value as JSON in UTF-8. */
export function encodeJson(value: JobSpec | JobDescription): Buffer {
  return Buffer.from(JSON.stringify(value, flatFeatures), "utf8");
}

/**
 * Decodes and checks a client's job spec. A spec is a valid job file, so the job file's schema checks it.
 *
 * @throws {SPEC_INVALID} with all problems when it is not a spec, or has a relative path
 */
export function decodeJobSpec(bytes: Uint8Array): JobSpec {
  const parsed = JOB_FILE_SCHEMA.safeParse(parseJson(bytes), PARSED_ONCE);
  if (!parsed.success) throw invalidSpec(parsed.error.issues.map(problemOf));
  const { name, ...rest } = parsed.data;
  if (name === undefined) throw invalidSpec([{ where: "name", what: "is missing" }]);
  const stages = stagesOf(rest);
  const folders = stages.flatMap(({ map }) => foldersIn(map).map(({ folder }) => folder));
  const modelPaths = stages.flatMap(({ model }) => (model === undefined ? [] : [model.path]));
  const mayBeElsewhere = [...rest.input.path, rest.output.path, ...modelPaths, ...folders];
  const places = mayBeElsewhere.filter((path) => !isAddress(path));
  const certificates = Object.values(rest.stores).flatMap(({ ca }) => ca ?? []);
  const work = rest.work?.path === undefined ? [] : [rest.work.path];
  const paths = [...places, ...certificates, ...work];
  const relative = paths.filter((path) => !isAbsolute(path));
  if (relative.length > 0) {
    const hint = "submit resolves paths against the job file's folder";
    throw invalidSpec(relative.map((path) => ({ where: path, what: "is not an absolute path", hint })));
  }
  return { name, ...rest };
}

/** @throws {RPC_FAILED} when the coordinator's response is not a job description */
export function decodeJobDescription(bytes: Uint8Array): JobDescription {
  const parsed = JOB_DESCRIPTION_SCHEMA.safeParse(parseJson(bytes), PARSED_ONCE);
  if (parsed.success) return parsed.data;
  throw new ShardmillError("RPC_FAILED", "the coordinator's description of the job is invalid", {
    problems: parsed.error.issues.map(problemOf),
    hint: "run the same version of shardmill on the coordinator and on its workers",
  });
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decodeDocument(bytes));
  } catch {
    return undefined;
  }
}

function problemOf(issue: z.core.$ZodIssue): Problem {
  return { where: issue.path.map(String).join("."), what: issue.message };
}

function invalidSpec(problems: readonly Problem[]): ShardmillError {
  return new ShardmillError("SPEC_INVALID", "the submitted job spec is not valid", {
    problems,
    hint: "submit a job file with the same version of shardmill as the coordinator's",
  });
}
