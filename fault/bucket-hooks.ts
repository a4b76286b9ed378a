import type { ResolveHook } from "node:module";
import { compiledUrl } from "../shared/core/package-root.ts";

const LOCAL = compiledUrl("shared/storage/local.ts").href;
const BUCKET = compiledUrl("fault/bucket-storage.ts").href;

/** Resolves imports of local storage to the bucket. The bucket itself imports the real local storage. */
export const resolve: ResolveHook = async (specifier, context, next) => {
  const found = await next(specifier, context);
  return found.url === LOCAL && context.parentURL !== BUCKET ? { ...found, url: BUCKET } : found;
};
