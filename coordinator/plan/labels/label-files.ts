import { decodeDocument } from "../../../shared/core/utf8.ts";
import type { StepFile } from "../../../shared/domain/step-binding.ts";
import type { FilesPart } from "../../../shared/extension/step-part.ts";
import { Storages } from "../../../shared/storage/open-storage.ts";
import { labelsOf } from "./labels-text.ts";
import type { LabelsRead } from "./named-labels.ts";

/** Limit of a file. Labels of 100,000 classes are far smaller. */
const MAX_BYTES = 16 << 20;

/** Files that `labels` of an output name. */
export const LABEL_FILES = { keys: ["file"], describe: readLabels } as const satisfies FilesPart;

/**
 * Reads a file of labels on this machine. Refuses a file that is too large or has no labels, so that the plan
 * can name the key.
 */
async function readLabels({ location, bytes }: StepFile, signal: AbortSignal): Promise<LabelsRead> {
  if (bytes > MAX_BYTES) return { kind: "refused", why: `has ${bytes} bytes, more than ${MAX_BYTES}` };
  await using storages = new Storages({});
  const storage = await storages.at(location);
  const content = await storage.read(location, 0, bytes, { signal });
  return labelsIn(content);
}

/** Returns the labels in a file's bytes. */
function labelsIn(content: Uint8Array): LabelsRead {
  try {
    const labels = labelsOf(decodeDocument(content));
    return labels === null
      ? { kind: "refused", why: "has no label for each index from 0" }
      : { kind: "read", labels };
  } catch {
    return { kind: "refused", why: "is not UTF-8" };
  }
}
