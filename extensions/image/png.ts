import { crc32, deflateSync } from "node:zlib";

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
/** Header fields: eight bits per channel, RGB, no interlacing. */
const FORMAT = [8, 2, 0, 0, 0];

/** Encodes RGB pixels, row by row, as a PNG file (RFC 2083). */
export function pngOf(
  rgb: Uint8Array,
  { width, height }: { readonly width: number; readonly height: number },
) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set(FORMAT, 8);
  const lineBytes = width * 3;
  // Each line begins with the byte of its filter, 0 for none.
  const lines = Buffer.alloc(height * (lineBytes + 1));
  for (let row = 0; row < height; row += 1)
    lines.set(rgb.subarray(row * lineBytes, (row + 1) * lineBytes), row * (lineBytes + 1) + 1);
  return Buffer.concat([
    SIGNATURE,
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(lines)),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  check.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, check]);
}
