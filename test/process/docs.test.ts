import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { commandNames } from "../../cli/command-line.ts";
import { referencePages } from "../../cli/reference.ts";
import { packageRoot } from "../../shared/core/package-root.ts";

const read = (path: string) => readFileSync(join(packageRoot, path), "utf8");

describe("the generated docs", () => {
  it("are up to date with the code (npm run docs)", async () => {
    for (const [path, text] of Object.entries(await referencePages(read)))
      expect(read(path), path).toBe(text);
  });

  it("show every command with its options and an example", async () => {
    const names = await commandNames();
    expect(names).toHaveLength(25);
    for (const name of names) {
      const section = read("docs/cli.md").split(`\n## ${name}\n`)[1]?.split("\n## ")[0];
      expect(section, name).toContain(`shardmill ${name}`);
      expect(section, name).toContain("Options:");
      expect(section, name).toContain("Examples:");
    }
  });

  it("describe keys of the job file with type, default and meaning", () => {
    const page = read("docs/job-file.md");
    for (const key of ["input.path", "map.inputs.<name>.column", "reduce.<name>.final", "errors.maxRows"]) {
      expect(page).toMatch(
        new RegExp(`^\\| \`${key.replaceAll(".", "\\.")}\` \\| \\S.* \\| .*\\| \\S.+ \\|$`, "m"),
      );
    }
  });
});
