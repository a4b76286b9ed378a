import * as z from "zod";
import { NEVER } from "../../shared/core/abort.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { below, type Location } from "../../shared/domain/location.ts";
import type { OutputManifest } from "../../shared/domain/manifest.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { readTextIfThere } from "../../shared/storage/whole-file.ts";
import { isRunName } from "../journal/run-file.ts";
import type { Part, StagedOutput } from "./publish-way.ts";
import { parseManifest } from "./read-manifest.ts";
import type { OutputPaths, WorkPaths } from "./work-paths.ts";

/**
 * Files of an output in a bucket, and the source of each copy. Decided once, before the first copy, so that
 * another coordinator can finish the publication.
 */
export interface Intent extends StagedOutput {
  /** Run that put the intent: see `WorkPaths.run`. */
  readonly run: string | null;
}

/** Path of a source below `_shardmill`. The pattern keeps it inside that folder. */
const source = z.string().regex(/^[^/\\\0]+(\/[^/\\\0]+)+$/);

const intentSchema = z.object({
  publishing: z.object({
    run: z.string().refine(isRunName).nullable(),
    /** Source of each file of the manifest, in the same order. */
    sources: z.array(source.refine((path) => !path.split("/").some((name) => /^\.+$/.test(name)))),
  }),
});

/** Returns the text of an intent: the manifest and the sources. A reader of manifests can read it, too. */
export function intentText({ manifest, parts }: StagedOutput, { work, run }: WorkPaths): string {
  const sources = parts.map(({ from }) => from.slice(work.length + 1));
  const publishing: z.input<typeof intentSchema>["publishing"] = { run, sources };
  return `${JSON.stringify({ ...manifest, publishing }, null, 2)}\n`;
}

/**
 * Reads the intent in a bucket. Null: there is none.
 *
 * @throws {OUTPUT_FAILED} when the file is not an intent
 */
export async function readIntentIfThere(
  { publishing, work }: OutputPaths,
  storage: Pick<Storage, "stat" | "read">,
): Promise<Intent | null> {
  const text = await readTextIfThere(storage, publishing, NEVER);
  return text === null ? null : parseIntent(text, { publishing, work });
}

function parseIntent(text: string, { publishing, work }: Pick<OutputPaths, "publishing" | "work">): Intent {
  parseManifest(text, publishing);
  const json = JSON.parse(text);
  const parsed = intentSchema.safeParse(json);
  // Keep the order of the keys, which parsing changes: the manifest must be published with the same bytes.
  const { publishing: _, ...written } = json;
  const manifest: OutputManifest = written;
  const { run, sources } = parsed.success ? parsed.data.publishing : { run: null, sources: [] };
  if (!parsed.success || sources.length !== manifest.files.length)
    throw new ShardmillError("OUTPUT_FAILED", `${publishing} does not list the sources of its files`, {
      fields: { path: publishing },
      hint: "run with --fresh to start over",
    });
  return { run, manifest, parts: partsOf(manifest, sources, work) };
}

function partsOf(manifest: OutputManifest, sources: readonly string[], work: Location): readonly Part[] {
  return manifest.files.flatMap((output, index) => {
    const from = sources[index];
    return from === undefined ? [] : [{ output, from: below(work, from) }];
  });
}
