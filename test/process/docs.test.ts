import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { commandNames } from "../../cli/command-line.ts";
import { referencePages } from "../../cli/reference.ts";
import { packageRoot } from "../../shared/core/package-root.ts";
import { jobSpecJsonSchema } from "../../shared/job-file/json-schema.ts";

const read = (path: string) => readFileSync(join(packageRoot, path), "utf8");

interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: SchemaNode | boolean;
  readonly anyOf?: readonly SchemaNode[];
}

/** Returns the keys of a schema's groups, with their paths. Keys of groups in a list are not among them. */
function keysBelow({ properties = {}, additionalProperties, anyOf = [] }: SchemaNode, prefix = ""): string[] {
  const own = Object.entries(properties).flatMap(([key, node]) => [
    `${prefix}${key}`,
    ...keysBelow(node, `${prefix}${key}.`),
  ]);
  const named =
    typeof additionalProperties === "object" ? keysBelow(additionalProperties, `${prefix}<name>.`) : [];
  return [...own, ...named, ...anyOf.flatMap((node) => keysBelow(node, prefix))];
}

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

  it("describe every key of the job file outside lists with type, default and meaning", () => {
    const [, table = ""] = read("docs/job-file.md").split("| key | type | default | meaning |");
    const keys = keysBelow(jobSpecJsonSchema());
    expect(keys).toEqual(
      expect.arrayContaining(["input.path", "map.inputs.<name>.column", "errors.maxRows"]),
    );
    for (const key of keys) {
      const row = table.split("\n").find((line) => line.startsWith(`| \`${key}\` |`));
      expect(row, key).toMatch(/^\| \S+ \| \S.* \| .* \| \S.+ \|$/);
    }
  });
});
