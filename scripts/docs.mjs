// Rewrites the generated parts of docs/ from the built code: node scripts/docs.mjs
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { referencePages } from "../dist/cli/reference.js";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const pages = await referencePages((path) => readFileSync(join(root, path), "utf8"));
for (const [path, text] of Object.entries(pages)) {
  writeFileSync(join(root, path), text);
  console.log(path);
}
