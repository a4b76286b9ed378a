import type { Extension } from "../shared/extension/extension.ts";

/** Empty list of extensions. The engine gets it under the condition `no-extensions`: see package.json. */
export const EXTENSIONS: readonly Extension[] = [];
