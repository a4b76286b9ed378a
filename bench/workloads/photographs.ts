import { readFile } from "node:fs/promises";
import { join } from "node:path";
import sharp, { type Region } from "sharp";
import { fetchModel } from "../../examples/models/fetch-model.ts";
import { pictures } from "../../examples/models/sources/pictures.ts";
import { present } from "../../shared/core/assert.ts";
import { lcg } from "../../test/support/onnx-model.ts";

/** Pictures of scikit-image that are photographs in colour. */
const SOURCES = [
  "astronaut.png",
  "chelsea.png",
  "coffee.png",
  "hubble_deep_field.jpg",
  "motorcycle_left.png",
  "motorcycle_right.png",
  "retina.jpg",
  "rocket.jpg",
];

/** Sizes that are common in collections of photographs, with a long side of 640. */
const SIZES = [
  { width: 640, height: 480 },
  { width: 640, height: 427 },
  { width: 480, height: 640 },
];

/** Least size of a piece in each direction, as a share of the largest piece with the same ratio. */
const LEAST_SHARE = 0.6;
/** JPEG quality that cameras and web sites use. */
const QUALITY = 90;

/** Makes the n-th photograph as a JPEG file. */
type PhotographAt = (index: number) => Promise<Buffer>;

/**
 * Makes real photographs from pieces of a few, some mirrored, darker or lighter, at a typical size. The n-th
 * is always the same.
 */
export async function openPhotographs(): Promise<PhotographAt> {
  const folder = await fetchModel(pictures);
  const sources = await Promise.all(
    SOURCES.map(async (name) => {
      const bytes = await readFile(join(folder, name));
      const { data, info } = await sharp(bytes).removeAlpha().raw().toBuffer({ resolveWithObject: true });
      return { data, raw: { width: info.width, height: info.height, channels: 3 as const } };
    }),
  );
  return async (index) => {
    const { data, raw } = present(sources[index % sources.length], "there are sources");
    const size = present(SIZES[index % SIZES.length], "there are sizes");
    const random = lcg(index + 1);
    // The first numbers of neighbouring seeds are close to each other.
    random();
    const piece = pieceOf(raw, size, random);
    const scaled = sharp(data, { raw })
      .extract(piece)
      .resize({ ...size, fit: "fill" });
    const seen = random() < 0.5 ? scaled.flop() : scaled;
    return seen
      .linear(0.8 + 0.4 * random())
      .jpeg({ quality: QUALITY })
      .toBuffer();
  };
}

function pieceOf(
  source: { readonly width: number; readonly height: number },
  size: { readonly width: number; readonly height: number },
  random: () => number,
): Region {
  const most = Math.min(source.width / size.width, source.height / size.height);
  const scale = most * (LEAST_SHARE + (1 - LEAST_SHARE) * random());
  const [width, height] = [Math.floor(size.width * scale), Math.floor(size.height * scale)];
  return {
    left: Math.floor(random() * (source.width - width)),
    top: Math.floor(random() * (source.height - height)),
    width,
    height,
  };
}
