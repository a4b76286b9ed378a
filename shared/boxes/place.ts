/** Place of a row's picture in the model's input: coordinates of the picture are `(x + left) / scaleX`. */
export interface PicturePlace {
  /** Size of the picture in pixels, after its rotation by EXIF data. */
  readonly width: number;
  readonly height: number;
  /** Pixels of the scaled picture that are cut off. Negative: pixels of padding. */
  readonly left: number;
  readonly top: number;
  /** Pixels of the model's input for each pixel of the picture. */
  readonly scaleX: number;
  readonly scaleY: number;
}

/** Name of an picture in the job file for coordinates that stay those of the model's input. */
export const NO_PICTURE = "none";

const PLACE_KEYS = [
  "width",
  "height",
  "left",
  "top",
  "scaleX",
  "scaleY",
] as const satisfies readonly (keyof PicturePlace)[];

/** Numbers of a cell in a column of places. */
export const PLACE_LENGTH = PLACE_KEYS.length;

/** Returns the column of the places, beside the column of an input's values. */
export function placeColumn(valuesColumn: string): string {
  return `${valuesColumn}:place`;
}

export function placeNumbers(place: PicturePlace): readonly number[] {
  return PLACE_KEYS.map((key) => place[key]);
}

/** Converts corners to pixels of the picture, in place. They end at its edges. */
export function putInPicture(
  corners: { [index: number]: number },
  place: ArrayLike<number>,
  count: number,
): void {
  const [width = 0, height = 0, left = 0, top = 0, scaleX = 1, scaleY = 1] = Array.from(place);
  for (let at = 0; at < 4 * count; at += 2) {
    corners[at] = within(((corners[at] ?? 0) + left) / scaleX, width);
    corners[at + 1] = within(((corners[at + 1] ?? 0) + top) / scaleY, height);
  }
}

function within(value: number, edge: number): number {
  return Math.min(Math.max(value, 0), edge);
}
