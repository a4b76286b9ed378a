import { isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import { below, type Location } from "../../shared/domain/location.ts";
import { MANIFEST_NAME, type OutputManifest } from "../../shared/domain/manifest.ts";
import { sourceOfBytes } from "../../shared/storage/put-source.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { chooseWay } from "./choose-way.ts";
import { foreignFiles } from "./foreign-files.ts";
import { OUTPUT_KINDS } from "./layout.ts";
import { asOutputFailed } from "./output-failed.ts";
import type { StagedOutput } from "./publish-way.ts";
import { manifestText, readManifestIfThere } from "./read-manifest.ts";
import { type WorkPaths, workPaths } from "./work-paths.ts";

interface PublishOptions {
  readonly outputPath: string;
  readonly storage: Storage;
  /** What `stageOutput` gave. */
  readonly staged: StagedOutput;
  /** Rejects when another coordinator has taken the job over: asked before each step that readers see. */
  readonly confirm?: () => Promise<void>;
  /** Called after every step, with its name: where a test crashes. */
  readonly onStep?: (step: string) => void;
}

interface Publishing extends Required<PublishOptions> {
  readonly paths: WorkPaths;
}

/**
 * Makes the staged output visible: its folders one after the other, in the way that its storage allows, and
 * last the manifest, which is the moment of publication. It appears in one step, and never in place of
 * another. All steps may be done again after a crash anywhere, on the same stage or one built anew:
 *
 * | found | done |
 * |---|---|
 * | no manifest | the intent is written, the files are placed, then the manifest |
 * | a manifest with the same output digest | nothing: published already |
 * | another manifest | refused |
 *
 * @throws {OUTPUT_OCCUPIED} when something else is there: nothing of it is touched
 * @throws {OUTPUT_FAILED} when another output is staged, or the storage fails
 */
export async function publishOutput(options: PublishOptions): Promise<void> {
  const { outputPath, confirm = async () => {}, onStep = () => {} } = options;
  const paths = workPaths(outputPath);
  const what = `the output cannot be published to ${outputPath}`;
  await asOutputFailed({ path: outputPath, what }, () => publish({ ...options, paths, confirm, onStep }));
}

async function publish(publishing: Publishing): Promise<void> {
  const { paths, storage, staged, confirm, onStep } = publishing;
  const { output } = paths;
  if (await isPublished(publishing)) {
    await storage.sync(output);
    return;
  }
  const way = chooseWay({ storage, output, stage: paths.stage });
  await checkStage(publishing);
  const resumed = await writeIntent(publishing);
  onStep("intent written");
  for (const kind of OUTPUT_KINDS) {
    const parts = staged.parts.filter((part) => part.output.kind === kind);
    if (parts.length === 0) continue;
    await way.place(kind, parts, { resumed, confirm });
    onStep(`${kind} placed`);
    await storage.sync(output);
    onStep(`${kind} synced`);
  }
  await confirm();
  await placeManifest(publishing);
  onStep("manifest placed");
  await storage.sync(output);
  onStep("manifest synced");
}

/** What was staged is placed unread: so it must be this output. */
async function checkStage({ paths, storage, staged }: Publishing): Promise<void> {
  const { stage } = paths;
  const { outputDigest } = staged.manifest;
  const found = await readManifestIfThere(below(stage, MANIFEST_NAME), storage);
  if (found?.outputDigest === outputDigest) return;
  throw new ShardmillError("OUTPUT_FAILED", `${stage} does not hold the output that is to be published`, {
    fields: { path: stage, expected: outputDigest, found: found?.outputDigest ?? null },
  });
}

/**
 * Which files beside `_shardmill` are ours, from before the first is there: a later `--fresh` may delete only
 * those.
 *
 * @returns whether an earlier try at the same output got this far
 * @throws {OUTPUT_OCCUPIED} when files of another output of this job are placed
 */
async function writeIntent({ paths, storage, staged }: Publishing): Promise<boolean> {
  const { publishing, output } = paths;
  const { manifest } = staged;
  const before = await readManifestIfThere(publishing, storage);
  const isOurs = before?.outputDigest === manifest.outputDigest;
  // In place of the intent of another output only if this one names all of what that has placed.
  if (before !== null && !isOurs) await refuseOtherOutput(output, manifest, storage);
  await storage.put(publishing, sourceOfBytes(manifestText(manifest)));
  return isOurs;
}

async function refuseOtherOutput(
  output: Location,
  manifest: OutputManifest,
  storage: Storage,
): Promise<void> {
  const [placed] = await foreignFiles(output, manifest.files, storage);
  if (placed === undefined) return;
  throw new ShardmillError("OUTPUT_OCCUPIED", `${output} has ${placed} of another output of this job`, {
    fields: { path: output, name: placed },
    hint: "a partial was lost after the job had begun to publish: run it again with --fresh to start over",
  });
}

async function isPublished({ paths, outputPath, storage, staged }: Publishing): Promise<boolean> {
  const path = below(paths.output, MANIFEST_NAME);
  const { outputDigest } = staged.manifest;
  const there = await readManifestIfThere(path, storage);
  if (there === null) return false;
  if (there.outputDigest === outputDigest) return true;
  throw new ShardmillError("OUTPUT_OCCUPIED", `${outputPath} has another published output`, {
    fields: { path, expected: outputDigest, found: there.outputDigest },
    hint: "choose another output.path, or run with --fresh to replace it",
  });
}

/** A link of the intent where there are links: then a crash leaves nothing beside it. */
async function placeManifest(publishing: Publishing): Promise<void> {
  const { paths, storage, staged } = publishing;
  const target = below(paths.output, MANIFEST_NAME);
  try {
    if (storage.can.link) await storage.link(paths.publishing, target);
    else await storage.put(target, sourceOfBytes(manifestText(staged.manifest)), { ifAbsent: true });
  } catch (error) {
    if (!isShardmillError(error, "STORE_EXISTS") || !(await isPublished(publishing))) throw error;
  }
}
