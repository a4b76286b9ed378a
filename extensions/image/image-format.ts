/** Supported formats, by the first bytes of their files. */
const SIGNATURES: readonly (readonly [format: string, at: number, bytes: string])[] = [
  ["JPEG", 0, "\xff\xd8\xff"],
  ["PNG", 0, "\x89PNG"],
  ["WebP", 8, "WEBP"],
  ["GIF", 0, "GIF8"],
  ["TIFF", 0, "II"],
  ["TIFF", 0, "MM"],
  ["AVIF", 4, "ftyp"],
];

/** Photometric interpretations of TIFF that libvips does not convert to RGB. */
const UNREAD_COLOURS: ReadonlyMap<number, string> = new Map([
  [6, "YCbCr that is not compressed as JPEG"],
  [8, "Lab colours"],
  [9, "Lab colours"],
  [10, "Lab colours"],
]);

const COMPRESSION = 259;
const PHOTOMETRIC = 262;
const JPEG_COMPRESSIONS: readonly number[] = [6, 7];

/** First bytes of image files, one letter per byte. `?` matches any byte. */
const MARKS: readonly string[] = [
  "\xff\xd8\xff",
  "\x89PNG",
  "GIF8",
  "RIFF????WEBP",
  "II*\0",
  "MM\0*",
  "????ftypavi",
];

/** Returns true when a file begins like an image. */
export function isImage(file: Uint8Array): boolean {
  const begins = (mark: string) =>
    [...mark].every((letter, at) => letter === "?" || file[at] === letter.charCodeAt(0));
  return MARKS.some(begins);
}

/** Returns the format that a file begins like. */
export function imageFormat(file: Uint8Array): string {
  const text = Buffer.from(file.buffer, file.byteOffset, Math.min(file.length, 16)).toString("latin1");
  return SIGNATURES.find(([, at, bytes]) => text.startsWith(bytes, at))?.[0] ?? "image";
}

/** Returns the colours of a TIFF that would be decoded incorrectly. Null: no such colours, or not a TIFF. */
export function unreadColours(file: Uint8Array): string | null {
  if (imageFormat(file) !== "TIFF") return null;
  const tags = firstTags(file);
  const photometric = tags.get(PHOTOMETRIC) ?? 0;
  const isJpeg = JPEG_COMPRESSIONS.includes(tags.get(COMPRESSION) ?? 1);
  return photometric === 6 && isJpeg ? null : (UNREAD_COLOURS.get(photometric) ?? null);
}

/** Orientation of an image that is shown as stored, by EXIF. */
export const UPRIGHT = 1;

const ORIENTATION = 274;
/** First byte of JPEG's markers, which may be repeated. EXIF is in APP1, and the pixels begin with SOS. */
const [MARKER, APP1, START_OF_SCAN] = [0xff, 0xe1, 0xda];

/**
 * Returns the orientation that EXIF gives for a JPEG, 1 to 8. Without EXIF, it is upright. Null: the segments
 * before the pixels cannot be read.
 */
export function orientationOf(jpeg: Uint8Array): number | null {
  const view = new DataView(jpeg.buffer, jpeg.byteOffset, jpeg.length);
  for (let at = 2; at + 10 <= jpeg.length && jpeg[at] === MARKER; ) {
    const kind = jpeg[at + 1];
    if (kind === START_OF_SCAN) return UPRIGHT;
    const end = kind === MARKER ? at + 1 : at + 2 + view.getUint16(at + 2);
    const isExif =
      kind === APP1 && Buffer.from(jpeg.subarray(at + 4, at + 10)).toString("latin1") === "Exif\0\0";
    if (isExif) return firstTags(jpeg.subarray(at + 10, end)).get(ORIENTATION) ?? UPRIGHT;
    at = end;
  }
  return null;
}

/** Reads the first image's tags of a single 16-bit number, by TIFF 6.0, section 2, and BigTIFF. */
function firstTags(file: Uint8Array): ReadonlyMap<number, number> {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const isLittle = file[0] === 0x49;
  const tags = new Map<number, number>();
  try {
    const isBig = view.getUint16(2, isLittle) === 43;
    const start = isBig ? Number(view.getBigUint64(8, isLittle)) : view.getUint32(4, isLittle);
    const count = isBig ? Number(view.getBigUint64(start, isLittle)) : view.getUint16(start, isLittle);
    const [first, size, value] = isBig ? [start + 8, 20, 12] : [start + 2, 12, 8];
    for (let at = first; at < Math.min(first + count * size, file.length); at += size)
      tags.set(view.getUint16(at, isLittle), view.getUint16(at + value, isLittle));
  } catch (error) {
    // An offset beyond the end of the file. The decoder reports it.
    if (!(error instanceof RangeError)) throw error;
  }
  return tags;
}
