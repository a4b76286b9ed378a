import { execFileSync } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import sharp, { type Region } from "sharp";
import { packageRoot } from "../../../shared/core/package-root.ts";
import { readParagraphs } from "../../embeddings/paragraphs.ts";
import { fetchModel } from "../fetch-model.ts";
import { pictures } from "../sources/pictures.ts";
import type { SampleRow } from "./sample.ts";

/** Returns the paragraphs of the Brown corpus. */
export async function brownTexts(): Promise<SampleRow[]> {
  return readParagraphs().map(({ text }) => ({ text }));
}

/** Returns this repository's own files. */
export async function ownFiles(): Promise<SampleRow[]> {
  const paths = execFileSync("git", ["ls-files", "-z"], { cwd: packageRoot, encoding: "utf8" })
    .split("\0")
    .filter((path) => path !== "");
  return Promise.all(paths.map(async (path) => ({ path, content: await readFile(join(packageRoot, path)) })));
}

/** Returns the example pictures of scikit-image, as files. */
export async function pictureFiles(): Promise<SampleRow[]> {
  const folder = await fetchModel(pictures);
  const names = (await readdir(folder)).sort();
  return Promise.all(names.map(async (name) => ({ name, content: await readFile(join(folder, name)) })));
}

/** Path of flights in the United States in 2001: date, distance, origin and destination. */
export const FLIGHTS: string = join(
  dirname(createRequire(import.meta.url).resolve("vega-datasets")),
  "../data/flights-20k.json",
);

/** Returns these flights, without their delays. */
export async function flights(): Promise<SampleRow[]> {
  const rows: readonly (SampleRow & { readonly delay: number })[] = JSON.parse(
    await readFile(FLIGHTS, "utf8"),
  );
  return rows.map(({ delay: _, ...known }) => known);
}

/** Side to which PaddleOCR scales smaller pictures. Larger ones have sizes of their own. */
const DETECTOR_SIDE = 736;

/** Page with seven lines of text, among those pictures. */
const PAGE = { name: "page.png", width: 384, height: 191 };

/** Returns square pictures without alpha, and squares of the scanned page. */
export async function squarePictures(): Promise<SampleRow[]> {
  const folder = await fetchModel(pictures);
  const files = await pictureFiles();
  const sizes = await Promise.all(files.map(({ name }) => sharp(join(folder, String(name))).metadata()));
  const squares = files.filter((_, at) => {
    const { width, height, hasAlpha } = sizes[at] ?? {};
    return width === height && width !== undefined && width <= DETECTOR_SIDE && hasAlpha === false;
  });
  const side = PAGE.height;
  const lefts = Array.from({ length: 1 + Math.floor((PAGE.width - side) / 16) }, (_, at) => 16 * at);
  const cuts = await cutPage(lefts.map((left) => ({ left, top: 0, width: side, height: side })));
  return [...cuts, ...squares];
}

/** Returns strips of the scanned page, about as high as a line. */
export function pageStrips(): Promise<SampleRow[]> {
  const height = 20;
  const tops = Array.from({ length: 1 + Math.floor((PAGE.height - height) / 4) }, (_, at) => 4 * at);
  return cutPage(tops.map((top) => ({ left: 0, top, width: PAGE.width, height })));
}

/** Returns the same strips, and each of them upside down. */
export async function turnedStrips(): Promise<SampleRow[]> {
  const strips = await pageStrips();
  const turned = await Promise.all(
    strips.map(async ({ name, content }) => ({
      name: `${name}, turned`,
      content: await sharp(content as Uint8Array)
        .rotate(180)
        .png()
        .toBuffer(),
    })),
  );
  return [...strips, ...turned];
}

async function cutPage(regions: readonly Region[]): Promise<SampleRow[]> {
  const page = join(await fetchModel(pictures), PAGE.name);
  return Promise.all(
    regions.map(async (region) => ({
      name: `page from ${region.left}, ${region.top}`,
      content: await sharp(page).extract(region).png().toBuffer(),
    })),
  );
}
