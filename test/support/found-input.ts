import { discoverFiles, type FoundInput } from "../../coordinator/plan/input/discover.ts";
import { isShardmillError, type Problem } from "../../shared/core/errors.ts";
import { parseJobText } from "../../shared/job-file/read-job-file.ts";
import type { FileTree } from "./file-tree.ts";

export interface SeenInput {
  readonly files: readonly string[];
  /** Skipped files by reason: their number, and the first few. */
  readonly skippedFiles: Readonly<Record<string, readonly [number, ...string[]]>>;
  readonly problems: readonly Problem[];
}

interface SeeOptions {
  /** Folder of the job file. */
  readonly folder?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly format?: string;
}

/** Returns the files that a job file in a folder of the tree would read. Its output is `out` beside it. */
export async function seeFiles(
  tree: FileTree,
  input: string | readonly string[],
  options: SeeOptions = {},
): Promise<FoundInput["files"]> {
  return (await discover(tree, input, options)).files;
}

/** Returns these files and the skipped ones, relative to the tree's root. */
export async function seeInput(
  tree: FileTree,
  input: string | readonly string[],
  options: SeeOptions = {},
): Promise<SeenInput> {
  try {
    const found = await discover(tree, input, options);
    return {
      files: found.files.map((file) => tree.inside(file.path)),
      skippedFiles: Object.fromEntries(
        found.skippedFiles.map(({ reason, count, examples }) => [
          reason,
          [count, ...examples.map((each) => tree.inside(each))] as const,
        ]),
      ),
      problems: [],
    };
  } catch (error) {
    if (!isShardmillError(error, "INPUT_NOT_FOUND")) throw error;
    return { files: [], skippedFiles: {}, problems: error.problems };
  }
}

function discover(
  tree: FileTree,
  input: string | readonly string[],
  { folder = "", env = {}, format = "auto" }: SeeOptions,
): Promise<FoundInput> {
  const job = { input: { path: input, format }, model: { path: "m.onnx" }, output: { path: "out" } };
  const path = tree.at(folder === "" ? "job.yaml" : `${folder}/job.yaml`);
  const spec = parseJobText(JSON.stringify(job), { path, set: [], env });
  return discoverFiles(spec.input, spec.output.path, { signal: new AbortController().signal });
}
