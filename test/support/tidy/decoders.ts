import { type Finding, lineAt, type SourceFile } from "./source-file.ts";

const PRODUCT = /^(shared|coordinator|worker|extensions|cli|page)\//;
/** Files that may use the platform's text decoders: for UTF-8, and for the encodings of CSV files. */
const DECODERS = /^(shared\/core\/utf8|extensions\/csv-json\/encodings)\.ts$/;
/** Files that make Arrow's vectors: one reads values without Arrow's decoder, and one builds dictionaries. */
const CELLS = /^shared\/dataset\/(cell-reader|arrow-columns)\.ts$/;

const BANS = [
  {
    pattern: /\bTextDecoder\(/g,
    allowed: DECODERS,
    rule: "texts are decoded by shared/core/utf8.ts, which keeps U+FEFF",
  },
  {
    pattern: /\bnew Vector\(|\.getChild(At)?\([^)]*\)\??\.(get|toArray|toJSON)\(/g,
    allowed: CELLS,
    rule: "values of columns are read by shared/dataset/cell-reader.ts: Arrow drops U+FEFF",
  },
];

/** Finds decoders of text other than the project's. */
export function findStrayDecoders(files: readonly SourceFile[]): Finding[] {
  return files
    .filter(({ path }) => PRODUCT.test(path))
    .flatMap(({ path, text }) =>
      BANS.filter(({ allowed }) => !allowed.test(path)).flatMap(({ pattern, rule }) =>
        [...text.matchAll(pattern)].map(({ index }) => ({ path, line: lineAt(text, index), rule })),
      ),
    );
}
