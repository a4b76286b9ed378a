import { mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { inspectModel } from "../../coordinator/plan/model/inspect-model.ts";
import { NEVER } from "../../shared/core/abort.ts";
import type { Trial } from "./kinds.ts";
import { FILE_NAMES, makeFile } from "./make-file.ts";

const LIMITS = { limitMs: 20_000 };

/**
 * Tries a model: inspects it as during planning, in a folder of its own. Beside the folder is a file that
 * models must not open.
 *
 * @throws {Error} when a model opened that file
 */
export async function tryModel(folder: string, trial: Trial & { readonly kind: "onnx" }): Promise<string> {
  const { what, bytes } = makeFile(trial);
  const home = join(folder, "model");
  await rm(home, { recursive: true, force: true });
  await mkdir(home, { recursive: true });
  const secret = join(folder, "secret.bin");
  await writeFile(secret, Buffer.from(Float32Array.of(42).buffer));
  await symlink(secret, join(home, "link.bin"));
  const path = join(home, FILE_NAMES.onnx);
  await writeFile(path, bytes);
  const { externalData } = await inspectModel(path, { ...LIMITS, signal: NEVER });
  const outside = externalData.find((data) => !data.path.startsWith(home) || data.location === "link.bin");
  if (outside !== undefined) throw new Error(`the model got at ${outside.path}`);
  return what;
}
