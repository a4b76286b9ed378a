import { register } from "node:module";

/*
 * Loaded before everything else, in every thread (`node --import`): from then on what the program opens as
 * local storage is a bucket in all but name. So the program needs no option for it. Only for modules that are
 * not bundled.
 */
register("./bucket-hooks.js", import.meta.url);
