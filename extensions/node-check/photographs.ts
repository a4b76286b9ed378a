import { Binary, type Data, makeData } from "apache-arrow";
import sharp from "sharp";
import { seededRandom } from "../../shared/onnx/graph.ts";

const [WIDTH, HEIGHT] = [640, 480];
const CHANNELS = 3;
/** Coarse levels of brightness that a picture has in each direction. */
const PATCHES = 24;
/** Photographs that are different. Rows repeat them. */
const PHOTOGRAPHS = 16;

/** Returns a column of JPEG files. */
export async function photosColumn(rows: number): Promise<Data> {
  const photos: Buffer[] = [];
  for (let seed = 0; seed < Math.min(rows, PHOTOGRAPHS); seed += 1) photos.push(await makePhotograph(seed));
  const chosen = Array.from({ length: rows }, (_, row) => photos[row % photos.length] ?? Buffer.alloc(0));
  const valueOffsets = new Int32Array(rows + 1);
  for (const [row, { length }] of chosen.entries()) valueOffsets[row + 1] = (valueOffsets[row] ?? 0) + length;
  const data = Buffer.concat(chosen);
  return makeData({ type: new Binary(), length: rows, nullCount: 0, valueOffsets, data });
}

/**
 * Makes a JPEG of 640 x 480 from a seed. Smooth patches with noise compress about as badly as a photograph:
 * some 60 KB.
 */
async function makePhotograph(seed: number): Promise<Buffer> {
  const random = seededRandom(seed);
  const patches = Uint8Array.from({ length: PATCHES * PATCHES * CHANNELS }, () => 256 * random());
  const smooth = await sharp(patches, { raw: { width: PATCHES, height: PATCHES, channels: CHANNELS } })
    .resize(WIDTH, HEIGHT, { fit: "fill", kernel: "cubic" })
    .raw()
    .toBuffer();
  const noisy = smooth.map((value) => Math.max(0, Math.min(255, value + 24 * random() - 12)));
  return sharp(noisy, { raw: { width: WIDTH, height: HEIGHT, channels: CHANNELS } })
    .jpeg({ quality: 85 })
    .toBuffer();
}
