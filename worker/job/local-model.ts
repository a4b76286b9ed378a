import { createHash } from "node:crypto";
import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { present } from "../../shared/core/assert.ts";
import { digestFile } from "../../shared/core/digest.ts";
import { isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import { readAhead } from "../../shared/core/read-ahead.ts";
import type { JobDescription } from "../../shared/domain/job.ts";
import { modelDigest } from "../../shared/domain/model-digest.ts";
import { isInsideLocation } from "../../shared/domain/model-location.ts";
import type { Store } from "../../shared/store/store.ts";
import type { AccessChoice } from "./choose-access.ts";

export interface LocalModelOptions {
  readonly job: Pick<JobDescription, "model">;
  /**
   * Where it may be taken from, in this order: from the coordinator's own paths as seen here, or from the
   * coordinator.
   */
  readonly from: AccessChoice["model"];
  /** Where a model that is not seen here is fetched from; null where there is no coordinator. */
  readonly coordinator: Pick<Store, "readRange"> | null;
  readonly scratchPath: string;
}

export interface LocalModel {
  readonly path: string;
  /**
   * Once it is loaded: that it was not replaced between its check and its loading. @throws {MODEL_CHANGED}
   */
  checkUnchanged(): Promise<void>;
}

/** One file of the model, here and as the coordinator knows it. */
interface ModelPart {
  readonly localPath: string;
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
}

/**
 * The model on this machine, its external data beside it: the coordinator's own files where they are seen
 * here and are the same, else copies, fetched once.
 *
 * @throws {MODEL_CHANGED} when the bytes are not those that the job was planned with
 */
export async function openLocalModel(options: LocalModelOptions): Promise<LocalModel> {
  const [nearest, ...others] = options.from;
  if (nearest === "coordinator") return fetchedModel(options);
  return await seenModel(options).catch((error: unknown) => {
    // What lies at that path here may be another machine's.
    if (others.includes("coordinator") && isShardmillError(error, "MODEL_CHANGED"))
      return fetchedModel(options);
    throw error;
  });
}

async function seenModel(options: LocalModelOptions): Promise<LocalModel> {
  const { model } = options.job;
  const parts = [model, ...model.externalData].map((part) => ({ ...part, localPath: part.path }));
  const before = await marksOf(parts);
  for (const part of parts) {
    const found = await digestFile(part.path).catch((cause: unknown) => {
      throw modelChanged(part, "nothing that can be read", cause);
    });
    if (found.sha256 !== part.sha256) throw modelChanged(part, found.sha256);
  }
  return {
    path: model.path,
    async checkUnchanged() {
      const after = await marksOf(parts);
      for (const [index, part] of parts.entries()) {
        if (before[index] !== after[index])
          throw modelChanged(part, "another file, or another time of change");
      }
    },
  };
}

/** What changes when a file is written to, or replaced by another. */
function marksOf(parts: readonly ModelPart[]): Promise<string[]> {
  return Promise.all(
    parts.map(async (part) => {
      const { ino, size, mtimeMs } = await stat(part.localPath).catch((cause: unknown) => {
        throw modelChanged(part, "nothing that can be read", cause);
      });
      return `${ino} ${size} ${mtimeMs}`;
    }),
  );
}

/** Its folder is named by its digest, and complete once it has that name. */
async function fetchedModel(options: LocalModelOptions): Promise<LocalModel> {
  const { model } = options.job;
  const name = basename(model.path);
  const folder = join(options.scratchPath, `model-${modelDigest(model)}`);
  const local = { path: join(folder, name), checkUnchanged: async () => {} };
  if (await stat(local.path).catch(() => null)) return local;
  const temporary = `${folder}.fetching`;
  await rm(temporary, { recursive: true, force: true });
  try {
    await fetchPart(options, { ...model, localPath: join(temporary, name) });
    for (const part of model.externalData) {
      if (!isInsideLocation(part.location)) throw new Error(`broken invariant: location ${part.location}`);
      // A model may name itself: it is there already.
      if (part.location === name) continue;
      await fetchPart(options, { ...part, localPath: join(temporary, part.location) });
    }
    await rename(temporary, folder);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return local;
}

/** A model may be larger than memory. So much is asked for at once, and the next meanwhile. */
const PIECE_BYTES = 8 << 20;

async function fetchPart({ coordinator }: LocalModelOptions, part: ModelPart): Promise<void> {
  const from = present(coordinator, "a model that is not visible, and no coordinator to fetch it from");
  await mkdir(dirname(part.localPath), { recursive: true });
  const starts = Array.from(
    { length: Math.ceil(part.bytes / PIECE_BYTES) },
    (_, index) => index * PIECE_BYTES,
  );
  const pieces = readAhead(starts, 1, (start) =>
    from.readRange(part.path, start, Math.min(start + PIECE_BYTES, part.bytes)),
  );
  const found = await writeFileFrom(pieces, part.localPath).catch((cause: unknown) => {
    const gone = isShardmillError(cause, "STORE_NOT_FOUND") || isTooShort(cause);
    throw gone ? modelChanged(part, "less than that, or nothing", cause) : cause;
  });
  if (found !== part.sha256) throw modelChanged(part, found);
}

/** The store's error for a file that ends before the range that was asked for. */
function isTooShort(error: unknown): boolean {
  if (!isShardmillError(error, "STORE_FAILED")) return false;
  const { found, expected } = error.fields;
  return typeof expected === "number" && typeof found === "number" && found < expected;
}

async function writeFileFrom(chunks: AsyncIterable<Uint8Array>, path: string): Promise<string> {
  const hash = createHash("sha256");
  const file = await open(path, "wx");
  try {
    for await (const chunk of chunks) {
      hash.update(chunk);
      await file.writeFile(chunk);
    }
  } finally {
    await file.close();
  }
  return hash.digest("hex");
}

function modelChanged(
  { path, sha256: expected }: Pick<ModelPart, "path" | "sha256">,
  found: string,
  cause?: unknown,
): ShardmillError {
  return new ShardmillError("MODEL_CHANGED", `${path} is not the model that the job was planned with`, {
    fields: { path, expected, found },
    hint: "run the job again with --fresh to use the new model",
    cause,
  });
}
