import { randomBytes } from "node:crypto";
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { formatOfFile } from "../../coordinator/plan/input/data-extensions.ts";
import { listPath } from "../../coordinator/plan/input/list-path.ts";
import { present } from "../../shared/core/assert.ts";
import { digestFile } from "../../shared/core/digest.ts";
import {
  errorFromData,
  isShardmillError,
  messageOf,
  type Problem,
  ShardmillError,
} from "../../shared/core/errors.ts";
import { makeFolders } from "../../shared/core/make-folders.ts";
import { mapConcurrent } from "../../shared/core/map-concurrent.ts";
import { compiledUrl } from "../../shared/core/package-root.ts";
import { type PruneLimits, pruneFolder } from "../../shared/core/prune-folder.ts";
import { cacheFolder } from "../../shared/core/user-folder.ts";
import { isTableFormat, type TableFormat } from "../../shared/domain/dataset.ts";
import { parseLocation } from "../../shared/domain/location.ts";
import type { StepFile } from "../../shared/domain/step-binding.ts";
import type { NamedContent } from "../../shared/extension/step-part.ts";
import { runIsolated, whyNoAnswer } from "../../shared/onnx/isolated.ts";
import { isPlaceError, placeProblem } from "../../shared/storage/errors.ts";
import { Storages } from "../../shared/storage/open-storage.ts";
import type { PackAnswer, PackQuestion, SetFile } from "./pack-protocol.ts";
import type { NearestSpec } from "./spec.ts";

/** A set of four gigabytes from a store takes minutes, and the decoders some hundreds of megabytes. */
const LIMITS = { limitMs: 3_600_000, memoryLimitBytes: 4 * 2 ** 30 };

/** Stats at once: each is a round trip to a store. */
const STATS_AT_ONCE = 16;

/** Limit of reported files: enough to see the pattern. */
const MOST_PROBLEMS = 10;

/** Limits of the cache. Workers have sets open for weeks, and each planning renews its own. */
const KEPT: PruneLimits = {
  name: /^[0-9a-f]{64}\.set$/,
  leftBehind: /^[0-9a-f]{16}\.new$/,
  mostEntries: 1_000,
  mostAgeMs: 30 * 24 * 3_600_000,
  mostBytes: 64 * 2 ** 30,
  sparedMs: 7 * 24 * 3_600_000,
};

/**
 * Packs a set of vectors into one file, which the user's cache keeps under its digest.
 *
 * @throws {SPEC_INVALID} with the problems of the set
 * @throws {CACHE_FAILED} when the cache cannot be written
 */
export async function makeSet(named: NamedContent, signal: AbortSignal): Promise<StepFile> {
  const { where, value, stores } = named;
  const { vector, id, metric } = value as unknown as NearestSpec;
  const files = await listSet(named, signal);
  const folder = cacheFolder("sets");
  const target = join(folder, `${randomBytes(8).toString("hex")}.new`);
  try {
    await makeFolders(folder);
    await pack({ where, vector, id, metric, files, stores, target }, signal);
    const packed = await digestFile(target, signal);
    const kept = join(folder, `${packed.sha256}.set`);
    await rename(target, kept);
    // A failed removal is repeated by a later planning.
    await pruneFolder(folder, KEPT, Date.now()).catch(() => {});
    return { location: parseLocation(kept), ...packed };
  } catch (cause) {
    signal.throwIfAborted();
    if (isShardmillError(cause)) throw cause;
    throw new ShardmillError("CACHE_FAILED", `the set of ${where} cannot be stored: ${messageOf(cause)}`, {
      fields: { path: folder },
      hint: "set SHARDMILL_CACHE to a writable folder",
      cause,
    });
  } finally {
    await rm(target, { force: true }).catch(() => {});
  }
}

/** @throws {SPEC_INVALID} when there are no files, or others than tables */
async function listSet(
  { where, path, stores }: NamedContent,
  signal: AbortSignal,
): Promise<readonly SetFile[]> {
  await using storages = new Storages({}, stores);
  try {
    const listed = await listPath(path, { format: "auto", ownOutput: null, storages, signal });
    if (listed.problems.length > 0)
      throw refused(
        where,
        listed.problems.map((problem) => ({ ...problem, where, found: problem.where })),
      );
    const others = listed.files.filter((file) => tableFormatOf(file.path) === null);
    if (others.length > 0)
      throw refused(
        where,
        others.slice(0, MOST_PROBLEMS).map((file) => notATable(where, file.path)),
      );
    return await mapConcurrent(listed.files, STATS_AT_ONCE, async ({ path: file, stat }) => {
      const { bytes, version } = stat ?? (await (await storages.at(file)).stat(file, signal));
      return { path: file, format: present(tableFormatOf(file), "others are refused"), bytes, version };
    });
  } catch (error) {
    signal.throwIfAborted();
    if (isPlaceError(error)) throw refused(where, [placeProblem(where, "cannot be read", error)]);
    throw error;
  }
}

async function pack(question: PackQuestion, signal: AbortSignal): Promise<void> {
  const { where } = question;
  const result = await runIsolated({
    script: compiledUrl("extensions/nearest/pack-process.ts"),
    argument: question,
    ...LIMITS,
    signal,
  });
  if (result.kind !== "answered") throw refused(where, [{ where, what: whyNoAnswer(result, LIMITS) }]);
  const answer = result.value as PackAnswer;
  if (answer.kind === "refused") throw refused(where, answer.problems);
  if (answer.kind === "packed") return;
  const error = errorFromData(answer.error);
  if (isPlaceError(error)) throw refused(where, [placeProblem(where, "cannot be read", error)]);
  throw error;
}

function tableFormatOf(path: string): TableFormat | null {
  const format = formatOfFile(path, "auto");
  return format !== undefined && isTableFormat(format) ? format : null;
}

function notATable(where: string, found: string): Problem {
  return { where, what: "is a file of another format", expected: "Parquet or Arrow", found };
}

function refused(where: string, problems: readonly Problem[]): ShardmillError {
  return new ShardmillError("SPEC_INVALID", `the set of ${where} cannot be used`, { problems });
}
