import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { packageRoot } from "../../../shared/core/package-root.ts";
import { isLaw, LAWS } from "../../../shared/domain/laws.ts";
import { lawsPage } from "../../../sim/laws-page.ts";
import { needs } from "../../support/needs.ts";
import { readFiles } from "../../support/tidy/project-files.ts";

describe("the page of laws", () => {
  const sources = readFiles(packageRoot, ".ts");
  const page = lawsPage(sources);

  needs("bucket-journal")("is up to date with the code (after a change, run `npm run docs`)", () => {
    expect(readFileSync(join(packageRoot, "docs/laws.md"), "utf8")).toBe(page);
  });

  test("names a check for each law", () => {
    const sections = page.split("\n## ").slice(1);
    expect(sections.map((section) => section.split("\n")[0])).toEqual(Object.keys(LAWS));
    const unchecked = sections.filter((section) => !/^- (Asserted by|Simulator|Tests): /m.test(section));
    expect(unchecked).toEqual([]);
  });

  test("has each law that a comment names", () => {
    const named = [...sources].flatMap(([path, text]) =>
      /^(coordinator|extensions|worker|shared)\//.test(path)
        ? [...text.matchAll(/Law `([^`]+)`/g)].map((match) => ({ path, key: match[1] }))
        : [],
    );
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter(({ key }) => !isLaw(key))).toEqual([]);
  });
});
