import { NEVER } from "../../shared/core/abort.ts";
import { isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import { below, type Location } from "../../shared/domain/location.ts";
import { MANIFEST_NAME, type OutputManifest } from "../../shared/domain/manifest.ts";
import { isPlaceError } from "../../shared/storage/errors.ts";
import { sourceOfBytes } from "../../shared/storage/put-source.ts";
import { chooseWay } from "./choose-way.ts";
import { OUTPUT_KINDS } from "./layout.ts";
import { asOutputFailed } from "./output-failed.ts";
import type { PlaceOptions, PublishPlace, PublishWay, StagedOutput } from "./publish-way.ts";
import { manifestText, readManifestIfThere } from "./read-manifest.ts";
import { placeSidecars, sidecars } from "./sidecars.ts";
import type { WorkPaths } from "./work-paths.ts";

interface PublishOptions extends PublishPlace {
  /** Result of `stageOutput`. */
  readonly staged: StagedOutput;
  /** Rejects when another coordinator has taken over the job. Called before each step that readers see. */
  readonly confirm?: () => Promise<void>;
  /** Called with the name of each step after it. Tests crash there. */
  readonly onStep?: (step: string) => void;
}

type Publishing = PublishOptions & Required<Pick<PublishOptions, "confirm" | "onStep">>;

/**
 * Publishes the staged output: places its folders one after the other and the manifest last. The manifest is
 * the moment of publication. It appears in one step and never replaces another manifest. All steps may be
 * repeated after a crash, with the same stage or a rebuilt one:
 *
 * | found | done |
 * |---|---|
 * | no manifest | the intent is written, the files are placed, then the manifest |
 * | no manifest, but an intent of the same files | the intent is published, with its own manifest |
 * | no manifest, but an intent of other files | in a bucket: the intent is published, the stage refused |
 * | a manifest with the same output digest | nothing: published already |
 * | another manifest | refused |
 *
 * @throws {OUTPUT_OCCUPIED} when something else is there, which stays untouched, or another output is
 * published
 * @throws {RUN_PUBLISHED} when another machine has published the same incremental run with other files
 * @throws {OUTPUT_FAILED} when another output is staged, or the storage fails
 */
export async function publishOutput(options: PublishOptions): Promise<void> {
  await asPublishing(options, async (publishing) => {
    const { paths, staged, confirm } = publishing;
    await confirm();
    if (await isPublished(publishing)) return await endWithSidecars(publishing);
    const way = chooseWay(publishing);
    await checkStage(publishing);
    const announced = await way.announce(staged, confirm);
    publishing.onStep("intent written");
    if (announced.kind === "announced") {
      // No intent is there also when another coordinator has published and cleaned up since the first look.
      if (!announced.resumed && (await isPublished(publishing))) return await endWithSidecars(publishing);
      return await placeAll({ ...publishing, staged: announced.staged }, way, announced);
    }
    const { by } = announced;
    await placeAll({ ...publishing, staged: by }, way, { resumed: true });
    throw decidedByAnother(paths, { staged, by: by.manifest });
  });
}

/**
 * Finishes the publication that an earlier try or another coordinator began. The other coordinator may still
 * be running: the files of the intent are copied once more.
 */
export async function finishIntent(
  place: PublishPlace,
  staged: StagedOutput,
  confirm: () => Promise<void>,
): Promise<void> {
  await asPublishing({ ...place, staged, confirm }, async (publishing) => {
    if (await isPublished(publishing)) return await endWithSidecars(publishing);
    await placeAll(publishing, chooseWay(publishing), { resumed: true });
  });
}

async function asPublishing(
  options: PublishOptions,
  publish: (publishing: Publishing) => Promise<void>,
): Promise<void> {
  const { paths, confirm = async () => {}, onStep = () => {} } = options;
  const path = paths.output;
  const what = `the output cannot be published to ${path}`;
  await asOutputFailed({ path, what }, () => publish({ ...options, confirm, onStep }));
}

async function placeAll(
  publishing: Publishing,
  way: PublishWay,
  { resumed }: Pick<PlaceOptions, "resumed">,
): Promise<void> {
  const { paths, storage, staged, confirm, onStep } = publishing;
  const { output } = paths;
  try {
    if (resumed) await way.confirmSources(staged);
    for (const kind of OUTPUT_KINDS) {
      const parts = staged.parts.filter((part) => part.output.kind === kind);
      if (parts.length === 0) continue;
      await way.place(kind, parts, { resumed, confirm });
      onStep(`${kind} placed`);
      await storage.sync(output);
      onStep(`${kind} synced`);
    }
    await confirm();
    await way.confirmPlaced(staged);
  } catch (error) {
    // Another coordinator has finished the publication and removed the sources.
    const isMissing = isPlaceError(error) || isShardmillError(error, "OUTPUT_FAILED");
    if (!isMissing || !(await isPublished(publishing))) throw error;
  }
  await placeManifest(publishing);
  onStep("manifest placed");
  // The manifest is durable before other files beside it. Without those, their sync is the manifest's.
  if (sidecars(staged.manifest).length > 0) await storage.sync(output);
  onStep("manifest synced");
  await endWithSidecars(publishing);
}

function endWithSidecars({ paths, storage, staged }: Publishing): Promise<void> {
  return placeSidecars(paths, staged.manifest, storage);
}

function decidedByAnother(
  { output }: WorkPaths,
  { staged, by: { job, outputDigest } }: { readonly staged: StagedOutput; readonly by: OutputManifest },
): ShardmillError {
  const { manifest } = staged;
  if (manifest.inputFiles !== null)
    return runPublished(output, { path: output, expected: manifest.outputDigest, found: outputDigest });
  return new ShardmillError(
    "OUTPUT_OCCUPIED",
    `another coordinator or an earlier attempt published to ${output} first: it has the output of job ${job.id}`,
    {
      fields: { path: output, job: job.id, found: outputDigest },
      hint: "run again to see that output, or choose another output.path: the output of this run is not used",
    },
  );
}

/** Checks that the stage holds this output, because its files are placed unread. */
async function checkStage({ paths, storage, staged }: Publishing): Promise<void> {
  const { stage } = paths;
  const { outputDigest } = staged.manifest;
  const found = await readManifestIfThere(below(stage, MANIFEST_NAME), storage);
  if (found?.outputDigest === outputDigest) return;
  throw new ShardmillError("OUTPUT_FAILED", `${stage} does not hold the output that is to be published`, {
    fields: { path: stage, expected: outputDigest, found: found?.outputDigest ?? null },
  });
}

async function isPublished({ paths, storage, staged }: Publishing): Promise<boolean> {
  const path = below(paths.output, MANIFEST_NAME);
  const { outputDigest } = staged.manifest;
  const there = await readManifestIfThere(path, storage);
  if (there === null) return false;
  if (there.outputDigest === outputDigest) return true;
  const fields = { path, expected: outputDigest, found: there.outputDigest };
  if (staged.manifest.inputFiles !== null) throw runPublished(paths.output, fields);
  throw new ShardmillError("OUTPUT_OCCUPIED", `${paths.output} has another published output`, {
    fields,
    hint: "choose another output.path, or run with --fresh to replace it",
  });
}

/** Returns the error for an incremental run that another machine has published with other files. */
function runPublished(output: Location, fields: Readonly<Record<string, string>>): ShardmillError {
  return new ShardmillError("RUN_PUBLISHED", `another machine published this run to ${output}`, {
    fields,
    hint: "run again: the next run reads the files that are new since then",
  });
}

/**
 * Places the manifest: as a link to the stage's manifest where the storage has links. The stage belongs to
 * the lock's holder. If another coordinator has replaced the holder, the stage is gone and the link fails.
 */
async function placeManifest(publishing: Publishing): Promise<void> {
  const { paths, storage, staged } = publishing;
  const target = below(paths.output, MANIFEST_NAME);
  try {
    if (storage.can.link) await storage.link(below(paths.stage, MANIFEST_NAME), target);
    else
      await storage.put(target, sourceOfBytes(manifestText(staged.manifest)), {
        ifAbsent: true,
        signal: NEVER,
      });
  } catch (error) {
    if (!isShardmillError(error, "STORE_EXISTS") || !(await isPublished(publishing))) throw error;
  }
}
