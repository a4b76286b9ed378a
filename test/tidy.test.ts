import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import { packageRoot } from "../shared/core/package-root.ts";
import { findStrayDecoders } from "./support/tidy/decoders.ts";
import { findDuplicates } from "./support/tidy/duplicates.ts";
import { findBareDisks, findBareFiles, findUnusedDoors } from "./support/tidy/file-users.ts";
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

describe("the repository", () => {
  it("has a file for every pattern of the rules", () => {
    expect(files.length).toBeGreaterThan(50);
    const paths = files.map(({ path }) => path);
    const patterns = [...PURE_FILES, ...LAYERS.map(({ pattern }) => pattern)];
    const unused = patterns.filter((pattern) => !paths.some((path) => pattern.test(path)));
    expect(unused, "patterns that match no file: was a file renamed?").toEqual([]);
  });

  it("imports only the same or lower layers, and never between coordinator and worker", () => {
    expect(listed(findLayerBreaks(files))).toEqual([]);
  });

  it("has an engine that neither imports nor names an extension", () => {
    expect(listed(findRingBreaks(files))).toEqual([]);
    expect(findUnusedExceptions(files), "exceptions that no file needs").toEqual([]);
  });

  it("has no import cycles between files or folders", () => {
    expect(listed([...findCircles(files), ...findFolderCircles(files)])).toEqual([]);
  });

  it("keeps clock, randomness, timers and I/O out of pure files, and the scheduling core synchronous", () => {
    expect(listed(findImpurities(files))).toEqual([]);
  });

  it("imports each library only in its own folders, and names it in package.json", () => {
    expect(listed(findStrayPackages(files, manifests))).toEqual([]);
  });

  it("loads no unneeded library at the start of a thread or process", () => {
    expect(listed(findHeavyStarts(files))).toEqual([]);
    expect(findUnusedStarts(files), "permissions that no file uses").toEqual([]);
  });

  it("accesses a job's bytes only through shared/storage", () => {
    expect(listed([...findBareFiles(files), ...findBareDisks(files)])).toEqual([]);
    expect(findUnusedDoors(files), "permissions that no file uses").toEqual([]);
  });

  it("decodes text in one place only", () => {
    expect(listed(findStrayDecoders(files))).toEqual([]);
  });

  it("has no barrels", () => {
    expect(listed(findReExports(files))).toEqual([]);
  });

  it("has no unused exports and no unused error codes", () => {
    expect(listed([...findUnusedExports(withScripts), ...findUnusedCodes(files)])).toEqual([]);
    expect(findUnusedTables(withScripts), "permissions that no file uses").toEqual([]);
  });

  it("has no small files with one importer, except seams", () => {
    expect(listed(findFragments(files))).toEqual([]);
    expect(findUnusedSeams(files), "permissions that no file uses").toEqual([]);
  });

  it("has no duplicate functions", () => {
    expect(listed(findDuplicates(files))).toEqual([]);
  });

  it("has no comments that are too wide", () => {
    expect(listed(findWideComments(files))).toEqual([]);
  });

  it("has short files and functions, and kebab-case names", () => {
    expect(listed([...findLongFiles(files), ...findLongFunctions(files), ...findBadNames(files)])).toEqual(
      [],
    );
  });

  it("has functions with few parameters", () => {
    expect(listed(findManyParameters(files))).toEqual([]);
  });

  it("has signals that are required and the last parameter", () => {
    expect(listed(findLooseSignals(files))).toEqual([]);
  });

  it("uses console only in cli, examples, bench and fault", () => {
    expect(listed(findPrinting(files))).toEqual([]);
  });

  it("has no code that is marked as unfinished", () => {
    expect(listed(findUnfinished(files))).toEqual([]);
  });

  it("has unit tests that mirror the source folders and need no machine", () => {
    expect(listed(findStrayUnitTests(files))).toEqual([]);
    expect(listed(findHeavyUnitTests(files))).toEqual([]);
  });

  it("has proto files of one package, with one service per file and separate messages per call", () => {
    const protos = readFiles(packageRoot, ".proto");
    expect(protos.size).toBeGreaterThan(3);
    expect(listed(findProtoBreaks(protos))).toEqual([]);
  });

  it("has no broken Markdown links", () => {
    const pages = readFiles(packageRoot, ".md");
    expect(pages.size).toBeGreaterThan(0);
    expect(listed(findBrokenLinks(pages, (path) => existsSync(join(packageRoot, path))))).toEqual([]);
  });

  it("numbers each decision once, in its file name and heading, and lists it in the index", () => {
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
