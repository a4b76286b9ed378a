import type { Extension } from "../shared/extension/extension.ts";

/** No extensions. The engine gets this list under the condition `no-extensions`: see package.json. */
export const EXTENSIONS: readonly Extension[] = [];
