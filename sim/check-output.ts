import { join } from "node:path";
import { BEACON_NAME } from "../coordinator/commit/beacon.ts";
import { BEAT_NAME, LOCK_NAME, parseLock } from "../coordinator/journal/lock-file.ts";
import { isRunName } from "../coordinator/journal/run-file.ts";
import { workPaths } from "../coordinator/publish/work-paths.ts";
import { canonicalJson, sha256 } from "../shared/core/digest.ts";
import { MANIFEST_NAME, type OutputManifest } from "../shared/domain/manifest.ts";
import { manifestCounts } from "../shared/domain/row-counts.ts";
import type { Checker } from "./checker.ts";
import type { DiskImage } from "./disk-image.ts";
import { bucketOf, decodeLines, type Line } from "./sim-files.ts";
import { partsOf, rowName, type SimJob } from "./sim-plan.ts";

interface Circumstances {
  readonly blamed: boolean;
  readonly diskFailed: boolean;
  readonly living: readonly number[];
}

/**
 * Checks the published output as a power cut would leave it. Each planned row is there once, in plan order,
 * or as often as its steps make it. A row that cannot be mapped is in the dead letters instead, once.
 *
 * `blamed`: workers exited for other reasons than their rows, so a sound row may be a dead letter.
 * `diskFailed`: a deletion of work files may have failed, or have been undone. `living`: PIDs of the
 * coordinators that run.
 */
export function checkOutput(
  { checker, image, job }: { readonly checker: Checker; readonly image: DiskImage; readonly job: SimJob },
  { blamed, diskFailed, living }: Circumstances,
): void {
  const text = image.safeBytes(join(job.kept, "_manifest.json"));
  if (text === null) {
    checker.broken("cancelled-or-published", "the job is published and its manifest is not on the disk");
    return;
  }
  const manifest = JSON.parse(text.toString("utf8")) as OutputManifest;
  const lines = (kind: string): Line[] =>
    manifest.files
      .filter((file) => file.kind === kind)
      .flatMap((file) => {
        const bytes = image.safeBytes(join(job.kept, file.path));
        const whole = bytes !== null && sha256(bytes) === file.sha256 && bytes.length === file.bytes;
        checker.hold(whole, "commits-stay-whole", `${file.path} differs from the manifest`);
        const found = decodeLines(bytes ?? Buffer.alloc(0));
        const says = `${file.path} has ${found.length} rows, not ${file.rows}`;
        checker.hold(found.length === file.rows, "every-row-once", says);
        return found;
      });
  const rows = lines("rows").map(({ key }) => key);
  const dead = lines("errors");
  const planned = job.planned.dataset.files.flatMap(({ path, rows: count }) =>
    Array.from({ length: count }, (_, row) => rowName(path, row)),
  );
  const gone = new Set(dead.map(({ key }) => key));
  checker.hold(gone.size === dead.length, "every-row-once", "a row is a dead letter twice");
  const expected = planned
    .filter((row) => !gone.has(row))
    .flatMap((row) => Array.from({ length: partsOf(job, row) }, () => row));
  checker.hold(
    rows.length === expected.length,
    "every-row-once",
    `${rows.length} rows are published, not ${expected.length}`,
  );
  checker.hold(
    rows.join(" ") === expected.join(" "),
    "plan-order",
    `published: ${rows.join(" ")}; expected: ${expected.join(" ")}`,
  );
  checkDead(checker, job, dead, blamed);
  checkCounts({ checker, job }, manifest.rows, { planned, rows, gone });
  checkReduced(checker, job, lines("reduced"), lines("rows"));
  if (job.spec.reduce.sums?.by !== undefined) {
    const reduced = manifest.files.filter(({ kind }) => kind === "reduced");
    checkParts(
      checker,
      reduced.map(({ path }) => decodeLines(image.safeBytes(join(job.kept, path)) ?? Buffer.alloc(0))),
      rows,
    );
  }
  const isClean = diskFailed || onlyRivalsFiles(image, job, living);
  checker.hold(isClean, "nothing-left-behind", "work files are left after the job");
}

/** Checks the row counts of the manifest against the rows. */
function checkCounts(
  { checker, job }: { readonly checker: Checker; readonly job: SimJob },
  { truncated, ...counted }: OutputManifest["rows"],
  found: {
    readonly planned: readonly string[];
    readonly rows: readonly string[];
    readonly gone: ReadonlySet<string>;
  },
): void {
  const { planned, rows, gone } = found;
  const filtered = planned.filter((row) => !gone.has(row) && partsOf(job, row) === 0).length;
  // No simulated job has a condition that excludes row groups, and none is a trial.
  const [input, pruned, skipped, output] = [planned.length, 0, 0, rows.length];
  const steps = { ...manifestCounts(() => 0), filtered, output };
  const { truncated: _, ...counts } = { input, pruned, skipped, ...steps, deadLetters: gone.size };
  checker.hold(
    canonicalJson(counted) === canonicalJson(counts),
    "every-row-once",
    `the manifest counts ${canonicalJson(counted)}, not ${canonicalJson(counts)}`,
  );
  const long = new Set(rows.filter((row) => job.truncated.has(row))).size;
  const says = `the manifest counts ${truncated} truncated rows, not ${long}`;
  checker.hold(truncated === long, "counts-agree", says);
}

/** Checks that readers find all files that a manifest names as soon as the manifest is visible. */
export function checkVisible(checker: Checker, image: DiskImage, job: SimJob): void {
  const bytesOf = (path: string) => {
    const node = image.lookUp(join(job.kept, path));
    return node?.kind === "file" ? node.bytes : null;
  };
  const manifest = JSON.parse(String(bytesOf(MANIFEST_NAME))) as OutputManifest;
  for (const file of manifest.files) {
    const bytes = bytesOf(file.path);
    const isWhole = bytes !== null && sha256(bytes) === file.sha256;
    checker.hold(isWhole, "whole-or-nothing", `the manifest exists before ${file.path}`);
  }
}

/**
 * Returns true when no work files are left, or only those of a rival's lock or attempt at one. A rival may
 * take the lock of a paused coordinator and exit. The paused coordinator then resumes, relies on its lock,
 * and ends the job. A rival may also arrive and exit after the work files were removed. The next run of the
 * job removes these files.
 */
function onlyRivalsFiles(image: DiskImage, job: SimJob, living: readonly number[]): boolean {
  const { out, kept, isShared } = job;
  if (isShared) return onlyLateUploads(image, job);
  const { work } = workPaths(out);
  const lock = image.lookUp(join(work, LOCK_NAME));
  const holder = lock?.kind === "file" ? parseLock(lock.bytes.toString("utf8")) : null;
  const isDead = holder !== null && !living.includes(holder.pid);
  const isOfTry = (name: string) => /^lock\.json\.(\w+\.tmp|own-\w+)$/.test(name);
  const isOfDead = (name: string) => isDead && (name === LOCK_NAME || name === BEAT_NAME);
  const onDisk = namesIn(image, work).every((name) => isOfTry(name) || isOfDead(name));
  return onDisk && (out === kept || onlyLateUploads(image, job));
}

/**
 * Returns true when only partials are left. A paused worker may put its partial after the last sweep, and a
 * bucket cannot refuse it.
 */
function onlyLateUploads(image: DiskImage, { kept, isShared }: SimJob): boolean {
  const { work } = workPaths(kept);
  if (!isShared) return onlyPartials(image, work);
  // Late partials are in the folder of their run, whose name is unknown once the job is removed.
  const names = namesIn(image, work);
  return names.every((name) => isRunName(name) && onlyPartials(image, join(work, name)));
}

function onlyPartials(image: DiskImage, own: string): boolean {
  const isOnly = namesIn(image, own).every((name) => name === "partials");
  return isOnly && !namesIn(image, join(own, "partials")).includes(BEACON_NAME);
}

function namesIn(image: DiskImage, path: string): string[] {
  const node = image.lookUp(path);
  return node?.kind === "folder" ? [...node.names.keys()] : [];
}

function checkDead(checker: Checker, job: SimJob, dead: readonly Line[], blamed: boolean): void {
  const gone = new Set(dead.map(({ key }) => key));
  const allowed = dead.length <= job.spec.errors.maxRows;
  checker.hold(allowed, "dead-letters-in-budget", "there are more dead letters than allowed");
  for (const row of [...job.failing, ...job.poison]) {
    checker.hold(gone.has(row), "every-row-once", `row ${row} cannot be mapped, and is published`);
  }
  for (const { key, rest } of dead) {
    const givenUp = rest === "ROW_POISON" && (job.poison.has(key) || blamed);
    checker.hold(
      job.failing.has(key) || givenUp,
      "every-row-once",
      `row ${key} is a dead letter (${rest}) without reason`,
    );
  }
}

/** Checks the parts of a reduction by key. Each bucket is in one of them, and they are in its order. */
function checkParts(
  checker: Checker,
  parts: readonly (readonly Line[])[],
  published: readonly string[],
): void {
  let last = -1;
  for (const lines of parts) {
    const buckets = lines.map(({ key }) => bucketOf(key));
    const isBehind = buckets.every((bucket) => bucket > last);
    checker.hold(isBehind, "every-row-once", "a bucket is in two parts, or the parts are not in its order");
    last = Math.max(last, ...buckets);
    const keys = new Set(lines.map(({ key }) => key));
    const expected = published.filter((key) => keys.has(key));
    const isInOrder = lines.map(({ key }) => key).join() === expected.join();
    checker.hold(isInOrder, "plan-order", "the rows of a part are not in the order of the plan");
  }
}

/**
 * Checks the reduction: with `combine`, the sum of all counts, otherwise the rows. Each published row has the
 * variant of its commit, and so has each line that was reduced of it.
 */
function checkReduced(checker: Checker, job: SimJob, reduced: readonly Line[], rows: readonly Line[]): void {
  const combined = job.spec.reduce.sums?.combine !== undefined;
  const counted = combined ? reduced.reduce((sum, { key }) => sum + Number(key), 0) : reduced.length;
  checker.hold(
    counted === rows.length,
    "same-commits-same-output",
    `the reduction counted ${counted} rows of ${rows.length}`,
  );
  if (combined) return;
  const [published, made] = [rows, reduced].map((lines) =>
    lines.map(({ key, rest }) => `${key} ${rest}`).sort(),
  );
  const says = `reduced: ${made?.join(", ")}; published: ${published?.join(", ")}`;
  checker.hold(published?.join() === made?.join(), "reduced-of-the-commits", says);
}
