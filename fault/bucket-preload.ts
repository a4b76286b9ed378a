import { register } from "node:module";

/*
 * Loaded before everything else, in every thread (`node --import`). The program's local storage then behaves
 * like a bucket, so the program needs no option for it. Works only for modules that are not bundled.
 */
register("./bucket-hooks.js", import.meta.url);
