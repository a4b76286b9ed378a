// Rewrites the generated parts of docs/ from the built code: node scripts/docs.mjs
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { referencePages } from "../dist/cli/reference.js";
import { errorsPage } from "../dist/extensions/explain/error-texts.js";
import { lawsPage } from "../dist/sim/laws-page.js";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const read = (path) => readFileSync(join(root, path), "utf8");
const sources = ["coordinator", "extensions", "worker", "shared", "sim", "test"]
  .flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true }).map((name) => `${folder}/${name}`),
  )
  .filter((path) => path.endsWith(".ts"))
  .map((path) => [path, read(path)]);
const pages = {
  ...(await referencePages(read)),
  "docs/errors.md": errorsPage(),
  "docs/laws.md": lawsPage(new Map(sources)),
};
for (const [path, text] of Object.entries(pages)) {
  writeFileSync(join(root, path), text);
  console.log(path);
}
