import { newRunName } from "../coordinator/journal/run-file.ts";
import { removeWorkFiles } from "../coordinator/publish/cleanup.ts";
import {
  buildManifest,
  deadLettersPath,
  reducedPartPath,
  reducedPath,
} from "../coordinator/publish/layout.ts";
import { publishOutput } from "../coordinator/publish/publish.ts";
import type { Part, StagedOutput } from "../coordinator/publish/publish-way.ts";
import { manifestText } from "../coordinator/publish/read-manifest.ts";
import { findOutputPaths, type WorkPaths, withRun } from "../coordinator/publish/work-paths.ts";
import { messageOf } from "../shared/core/errors.ts";
import { asJobId } from "../shared/domain/job-id.ts";
import { below } from "../shared/domain/location.ts";
import { MANIFEST_NAME, type OutputFile } from "../shared/domain/manifest.ts";
import { NO_ROWS } from "../shared/domain/row-counts.ts";
import { NO_RUN } from "../shared/domain/run-facts.ts";
import { sourceOfBytes } from "../shared/storage/put-source.ts";
import type { DiskCall, DiskFault } from "./disk-operation.ts";
import { rootedDisk } from "./rooted-disk.ts";
import type { SimProcess } from "./scheduler.ts";
import { SimBucket } from "./sim-bucket.ts";
import { SimDisk } from "./sim-disk.ts";
import { encodeLines, type Line } from "./sim-files.ts";
import { partsOf, rowName, type SimJob } from "./sim-plan.ts";
import type { WorldBase } from "./world-base.ts";

/** Probability that a rival exits at one of its approximately twenty requests. */
const DEATH_SHARE = 0.03;

/**
 * Starts a rival that has run the same job elsewhere, with its journal on a disk of its own. Others cannot
 * see its lock. It publishes the output by the real steps, with valid rows but other bytes. It may exit at
 * any of these steps.
 */
export function startRivalPublisher(world: WorldBase, bucket: string, job: SimJob): void {
  const { scheduler } = world;
  const process = scheduler.start("rival publisher");
  // About as long as a coordinator takes from its stage to its intent, so that either may be first.
  const afterMs = world.random.between(0, 80);
  scheduler.after(afterMs, process, () => void publish(process, { world, bucket, job }));
}

async function publish(
  process: SimProcess,
  { world, bucket, job }: { readonly world: WorldBase; readonly bucket: string; readonly job: SimJob },
): Promise<void> {
  const { scheduler, image, faults } = world;
  const random = world.random.fork();
  const faultOf = (): DiskFault => {
    const dies = !faults.healed && random.chance(DEATH_SHARE);
    return dies
      ? { kind: "die", when: random.pick(["before", "after"] as const), power: false }
      : { kind: "none" };
  };
  const operations = {
    image,
    scheduler,
    process,
    random: random.fork(),
    faultOf,
    die: (dying: SimProcess, why: string) => scheduler.kill(dying, why),
    onDone: (call: DiskCall) => world.did(call),
  };
  const storage = new SimBucket({ ...operations, root: bucket, faults });
  const disk = rootedDisk(
    new SimDisk({ ...operations, lacksHardLinks: false }),
    `/machine-of-${process.pid}`,
  );
  try {
    const found = await findOutputPaths({ output: job.spec.output, work: { path: "/work" } }, {});
    const paths = withRun(found, newRunName(random));
    const staged = await stage(paths, storage, job);
    await publishOutput({ storage, paths, staged });
    await removeWorkFiles(paths, { storage, disk, lock: disk });
    scheduler.note("the rival has published");
  } catch (error) {
    scheduler.note(`the rival gives up: ${messageOf(error)}`);
  }
  scheduler.kill(process, "it has nothing left to do");
}

async function stage(paths: WorkPaths, storage: SimBucket, job: SimJob): Promise<StagedOutput> {
  const { rows, dead, counts } = rowsOf(job);
  const half = Math.ceil(rows.length / 2);
  const isCombined = job.spec.reduce.sums?.combine !== undefined;
  const isKeyed = job.spec.reduce.sums?.by !== undefined;
  const reduced = isCombined ? [{ key: String(rows.length), rest: REST }] : rows;
  const files = [
    { path: "rows/part-00000.parquet", kind: "rows", lines: rows.slice(0, half) },
    { path: "rows/part-00001.parquet", kind: "rows", lines: rows.slice(half) },
    { path: isKeyed ? reducedPartPath("sums", 0, 1) : reducedPath("sums"), kind: "reduced", lines: reduced },
    ...(dead.length === 0 ? [] : [{ path: deadLettersPath(0, 1), kind: "errors", lines: dead } as const]),
  ] as const;
  const parts: Part[] = [];
  for (const { path, kind, lines } of files) {
    const from = below(paths.stage, path);
    const stored = await storage.put(from, sourceOfBytes(encodeLines(lines)));
    const output: OutputFile = { path, kind, rows: lines.length, ...stored };
    parts.push({ output, from });
  }
  const facts = {
    job: { id: asJobId("rival"), name: job.spec.name },
    digests: job.planned.digests,
    run: { ...NO_RUN, rowsTotal: counts.rowsMapped + counts.rowsFiltered + dead.length },
    counts,
    builds: [],
    versions: {},
  };
  const outputs = parts.map(({ output }) => output);
  const manifest = buildManifest(facts, outputs);
  await storage.put(below(paths.stage, MANIFEST_NAME), sourceOfBytes(manifestText(manifest)));
  return { manifest, parts };
}

/** Variant of the rival's rows, which no worker writes. */
const REST = "rival";

function rowsOf(job: SimJob) {
  const names = job.planned.dataset.files.flatMap(({ path, rows }) =>
    Array.from({ length: rows }, (_, row) => rowName(path, row)),
  );
  const isBad = (name: string) => job.failing.has(name) || job.poison.has(name);
  const sound = names.filter((name) => !isBad(name));
  const mapped = sound.filter((name) => partsOf(job, name) > 0);
  const rows = mapped.flatMap((key) =>
    Array.from({ length: partsOf(job, key) }, (): Line => ({ key, rest: REST })),
  );
  const dead = names
    .filter(isBad)
    .map((key): Line => ({ key, rest: job.failing.has(key) ? "ROW_FAILED" : "ROW_POISON" }));
  const counts = {
    ...NO_ROWS,
    rowsMapped: mapped.length,
    rowsFiltered: sound.length - mapped.length,
    rowsOut: rows.length,
    rowsTruncated: mapped.filter((key) => job.truncated.has(key)).length,
  };
  return { rows, dead, counts };
}
