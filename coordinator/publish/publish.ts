import { join } from "node:path";
import { digestFile } from "../../shared/core/digest.ts";
import { type Disk, realDisk } from "../../shared/core/disk.ts";
import { syncPath, writeDurable } from "../../shared/core/durable.ts";
import { errorCode } from "../../shared/core/errno.ts";
import { messageOf, ShardmillError } from "../../shared/core/errors.ts";
import { placeAlone } from "../../shared/core/hard-link.ts";
import { makeFolders } from "../../shared/core/make-folders.ts";
import { MANIFEST_NAME, type OutputFile, type OutputManifest } from "../../shared/domain/manifest.ts";
import { OUTPUT_KINDS } from "./layout.ts";
import { manifestText, readManifest } from "./read-manifest.ts";
import { readStagedManifest } from "./stage.ts";
import { workPaths } from "./work-paths.ts";

export interface PublishOptions {
  readonly outputPath: string;
  /** Complete: see `stageOutput`. On the same file system as the output. */
  readonly stagePath: string;
  /** The one that `stageOutput` gave. */
  readonly manifest: OutputManifest;
  /** Called after every step, with its name: where a test crashes. */
  readonly onStep?: (step: string) => void;
  readonly disk?: Disk;
}

/**
 * Makes the staged output visible: each folder by one rename, then the manifest by one link, which is the
 * moment of publication. All steps may be done again after a crash anywhere, on the same stage or one built
 * anew:
 *
 * | found | done |
 * |---|---|
 * | no folder | the staged one is renamed |
 * | the folder, with exactly the manifest's files | nothing: an earlier try got this far |
 * | a folder with anything else | refused |
 * | a manifest with the same output digest | nothing: published already |
 * | another manifest | refused |
 *
 * @throws {OUTPUT_OCCUPIED} when something else is there: nothing of it is touched
 * @throws {OUTPUT_FAILED} when the stage is not of this manifest, or the file system fails
 */
export async function publishOutput(options: PublishOptions): Promise<void> {
  const { outputPath, manifest, onStep = () => {}, disk = realDisk } = options;
  try {
    await makeFolders(outputPath, disk);
    if (await isPublished(outputPath, manifest, disk)) {
      await syncPath(outputPath, disk);
      return;
    }
    await checkStage(options);
    await writeIntent(options);
    onStep("intent written");
    for (const kind of OUTPUT_KINDS) {
      const files = manifest.files.filter((file) => file.kind === kind);
      if (files.length === 0) continue;
      await placeFolder(options, kind, files);
      onStep(`${kind} placed`);
      await syncPath(outputPath, disk);
      onStep(`${kind} synced`);
    }
    await placeManifest(options);
    onStep("manifest placed");
    await syncPath(outputPath, disk);
    onStep("manifest synced");
  } catch (error) {
    if (error instanceof ShardmillError || errorCode(error) === null) throw error;
    const message = `the output cannot be published to ${outputPath}: ${messageOf(error)}`;
    throw new ShardmillError("OUTPUT_FAILED", message, { fields: { path: outputPath }, cause: error });
  }
}

/** The folders of the stage are renamed unread: so they must be those of this manifest. */
async function checkStage({ stagePath, manifest, disk = realDisk }: PublishOptions): Promise<void> {
  const staged = await readStagedManifest(stagePath, disk);
  if (staged?.outputDigest === manifest.outputDigest) return;
  throw new ShardmillError("OUTPUT_FAILED", `${stagePath} does not hold the output that is to be published`, {
    fields: { path: stagePath, expected: manifest.outputDigest, found: staged?.outputDigest ?? null },
  });
}

/**
 * Which files beside `_shardmill` are ours, from before the first is there: a later `--fresh` may delete only
 * those.
 */
async function writeIntent({ outputPath, manifest, disk = realDisk }: PublishOptions): Promise<void> {
  const { work, publishing } = workPaths(outputPath);
  await makeFolders(work, disk);
  await writeDurable(publishing, manifestText(manifest), disk);
  await syncPath(work, disk);
}

async function isPublished(outputPath: string, manifest: OutputManifest, disk: Disk): Promise<boolean> {
  const path = join(outputPath, MANIFEST_NAME);
  const there = await readManifest(path, disk).catch((error: unknown) => {
    if (errorCode(error) === "ENOENT") return null;
    throw error;
  });
  if (there === null) return false;
  if (there.outputDigest === manifest.outputDigest) return true;
  throw new ShardmillError("OUTPUT_OCCUPIED", `${outputPath} has another published output`, {
    fields: { path, expected: manifest.outputDigest, found: there.outputDigest },
    hint: "choose another output.path, or run with --fresh to replace it",
  });
}

/** A rename never replaces a folder that has something in it: that is an error here, looked into below. */
async function placeFolder(
  options: PublishOptions,
  kind: OutputFile["kind"],
  files: readonly OutputFile[],
): Promise<void> {
  const { disk = realDisk } = options;
  const target = join(options.outputPath, kind);
  const names = await disk.readdir(target).catch((error: unknown) => {
    if (errorCode(error) === "ENOENT") return null;
    throw error;
  });
  if (names === null || names.length === 0) {
    await disk.rename(join(options.stagePath, kind), target);
    return;
  }
  await checkPlaced(options, kind, files, names);
}

/**
 * An earlier try renamed it whole; that it is still whole is read byte for byte, since this hardly ever
 * happens.
 */
async function checkPlaced(
  { outputPath, disk = realDisk }: PublishOptions,
  kind: OutputFile["kind"],
  files: readonly OutputFile[],
  names: readonly string[],
): Promise<void> {
  const path = join(outputPath, kind);
  const expected = new Set(files.map((file) => file.path.slice(kind.length + 1)));
  const found = new Set(names);
  const extra = names.find((name) => !expected.has(name)) ?? [...expected].find((name) => !found.has(name));
  const refuse = (name: string) =>
    new ShardmillError("OUTPUT_OCCUPIED", `${path} is there already and is not this job's: ${name} differs`, {
      fields: { path, name },
      hint: "choose another output.path, or move the folder away and run again",
    });
  if (extra !== undefined) throw refuse(extra);
  for (const file of files) {
    const found = await digestFile(join(outputPath, file.path), undefined, disk);
    if (found.bytes !== file.bytes || found.sha256 !== file.sha256) throw refuse(file.path);
  }
}

async function placeManifest({ outputPath, manifest, disk = realDisk }: PublishOptions): Promise<void> {
  const { publishing } = workPaths(outputPath);
  const target = join(outputPath, MANIFEST_NAME);
  try {
    await placeAlone(publishing, target, disk);
  } catch (error) {
    if (!(await isPublished(outputPath, manifest, disk))) throw error;
  }
}
