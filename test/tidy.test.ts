import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import { packageRoot } from "../shared/core/package-root.ts";
import { findStrayDecoders } from "./support/tidy/decoders.ts";
import { findBareDisks, findBareFiles, findUnusedDoors } from "./support/tidy/doors.ts";
import { findDuplicates } from "./support/tidy/duplicates.ts";
import { findFragments, findUnusedSeams } from "./support/tidy/fragments.ts";
import {
  findBadNames,
  findLongFiles,
  findLongFunctions,
  findManyParameters,
  findPrinting,
  findReExports,
  findStrayUnitTests,
  findUnfinished,
  findWideComments,
} from "./support/tidy/hygiene.ts";
import { findCircles, findFolderCircles, findLayerBreaks, LAYERS } from "./support/tidy/layers.ts";
import { findBrokenLinks } from "./support/tidy/links.ts";
import { findHeavyStarts, findUnusedStarts } from "./support/tidy/loads.ts";
import { findStrayPackages } from "./support/tidy/packages.ts";
import { readFiles } from "./support/tidy/project-files.ts";
import { findProtoBreaks } from "./support/tidy/protos.ts";
import { findImpurities, PURE_FILES } from "./support/tidy/purity.ts";
import { findRingBreaks, findUnusedExceptions } from "./support/tidy/rings.ts";
import { findLooseSignals } from "./support/tidy/signals.ts";
import { listed, parseSource } from "./support/tidy/source-file.ts";
import { findHeavyUnitTests } from "./support/tidy/unit-tests.ts";
import { findUnusedCodes, findUnusedExports, findUnusedTables } from "./support/tidy/unused.ts";

const parsed = (extension: string) =>
  [...readFiles(packageRoot, extension)].map(([path, text]) => parseSource(path, text));
const files = [...parsed(".ts"), ...parsed(".tsx")];
/** All files and the scripts, which import built files. */
const withScripts = [...files, ...parsed(".mjs")];
const manifestOf = (folder: string) =>
  JSON.parse(readFileSync(join(packageRoot, folder, "package.json"), "utf8"));
const manifests = { product: manifestOf("."), tools: manifestOf("test/tools") };

describe("the house", () => {
  it("has the files that the rules speak of", () => {
    expect(files.length).toBeGreaterThan(50);
    const paths = files.map(({ path }) => path);
    const patterns = [...PURE_FILES, ...LAYERS.map(({ pattern }) => pattern)];
    const unused = patterns.filter((pattern) => !paths.some((path) => pattern.test(path)));
    expect(unused, "patterns that fit no file: was something renamed?").toEqual([]);
  });

  it("imports downwards or sideways, and never between coordinator and worker", () => {
    expect(listed(findLayerBreaks(files))).toEqual([]);
  });

  it("has an engine that neither imports nor names an extension", () => {
    expect(listed(findRingBreaks(files))).toEqual([]);
    expect(findUnusedExceptions(files), "exceptions that nobody needs").toEqual([]);
  });

  it("has no import circles, of files or of folders", () => {
    expect(listed([...findCircles(files), ...findFolderCircles(files)])).toEqual([]);
  });

  it("keeps clock, randomness, timers and I/O out of pure files, and waiting out of the scheduling core", () => {
    expect(listed(findImpurities(files))).toEqual([]);
  });

  it("knows each foreign library in one place only, and names it in package.json", () => {
    expect(listed(findStrayPackages(files, manifests))).toEqual([]);
  });

  it("starts threads and processes with no more than they need", () => {
    expect(listed(findHeavyStarts(files))).toEqual([]);
    expect(findUnusedStarts(files), "permissions that nobody uses").toEqual([]);
  });

  it("has one door for a job's bytes", () => {
    expect(listed([...findBareFiles(files), ...findBareDisks(files)])).toEqual([]);
    expect(findUnusedDoors(files), "permissions that nobody uses").toEqual([]);
  });

  it("decodes texts in one place", () => {
    expect(listed(findStrayDecoders(files))).toEqual([]);
  });

  it("has no barrels", () => {
    expect(listed(findReExports(files))).toEqual([]);
  });

  it("has no export that nobody imports, and no error code that nothing fails with", () => {
    expect(listed([...findUnusedExports(withScripts), ...findUnusedCodes(files)])).toEqual([]);
    expect(findUnusedTables(withScripts), "permissions that nobody uses").toEqual([]);
  });

  it("has no small file with one importer, but for seams", () => {
    expect(listed(findFragments(files))).toEqual([]);
    expect(findUnusedSeams(files), "permissions that nobody uses").toEqual([]);
  });

  it("says nothing twice", () => {
    expect(listed(findDuplicates(files))).toEqual([]);
  });

  it("has comments that fit the page", () => {
    expect(listed(findWideComments(files))).toEqual([]);
  });

  it("has short files and functions, and kebab-case names", () => {
    expect(listed([...findLongFiles(files), ...findLongFunctions(files), ...findBadNames(files)])).toEqual(
      [],
    );
  });

  it("has functions of few parameters", () => {
    expect(listed(findManyParameters(files))).toEqual([]);
  });

  it("waits by signals that none can forget, in one place", () => {
    expect(listed(findLooseSignals(files))).toEqual([]);
  });

  it("prints only where people run it", () => {
    expect(listed(findPrinting(files))).toEqual([]);
  });

  it("has nothing marked as unfinished", () => {
    expect(listed(findUnfinished(files))).toEqual([]);
  });

  it("has its unit tests where their source is", () => {
    expect(listed(findStrayUnitTests(files))).toEqual([]);
    expect(listed(findHeavyUnitTests(files))).toEqual([]);
  });

  it("has protos of one package, one service a file and own messages a call", () => {
    const protos = readFiles(packageRoot, ".proto");
    expect(protos.size).toBeGreaterThan(3);
    expect(listed(findProtoBreaks(protos))).toEqual([]);
  });

  it("has no Markdown link that leads nowhere", () => {
    const pages = readFiles(packageRoot, ".md");
    expect(pages.size).toBeGreaterThan(0);
    expect(listed(findBrokenLinks(pages, (path) => existsSync(join(packageRoot, path))))).toEqual([]);
  });

  it("has a number of its own for each decision, in the file's name and in its heading", () => {
    const all = [...readFiles(join(packageRoot, "docs", "decisions"), ".md")];
    const [index, pages] = [all.find(isIndex), all.filter((page) => !isIndex(page))];
    const numbers = pages.map(([path]) => Number(basename(path).slice(0, 4)));
    expect(numbers.length).toBeGreaterThan(60);
    expect(numbers.filter((number, at) => numbers.indexOf(number) !== at)).toEqual([]);
    expect(
      pages.filter(([, text], at) => !text.startsWith(`# ${numbers[at]}. `)).map(([path]) => path),
    ).toEqual([]);
    const listed = [...(index?.[1] ?? "").matchAll(/^- \[\d+\]\(([^)]+)\)/gm)].map(([, name]) => name);
    expect(listed.sort()).toEqual(pages.map(([path]) => basename(path)).sort());
  });
});

function isIndex([path]: readonly [string, string]): boolean {
  return basename(path) === "README.md";
}
