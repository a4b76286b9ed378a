import { fileURLToPath } from "node:url";

/** Where small tokenizers lie, and what the reference library makes of texts with them: see make.py. */
export const TOKENIZERS_PATH = fileURLToPath(new URL(".", import.meta.url));
