import { fileURLToPath } from "node:url";

/** Folder of small tokenizers, and of the reference library's results: see make.py. */
export const TOKENIZERS_PATH = fileURLToPath(new URL(".", import.meta.url));
