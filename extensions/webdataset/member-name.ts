/** Name of a member, as the webdataset library splits it. */
interface MemberName {
  /** Folder, and the file name up to its first dot: `train/0001`. */
  readonly key: string;
  /** Rest of the file name, in lower case: `jpg`, `seg.png`. */
  readonly ending: string;
}

/**
 * Splits a member's name as `base_plus_ext` of the library does. Null: the member belongs to no row. The
 * library skips names without a dot, and those below a first folder such as `__meta__`. Names that begin with
 * a dot, and the folder `__MACOSX`, come from file managers. The library skips only some of them.
 */
export function splitName(name: string): MemberName | null {
  if (/^__(MACOSX($|\/)|[^/]*__($|\/))/.test(name)) return null;
  const folder = name.lastIndexOf("/") + 1;
  const dot = name.indexOf(".", folder);
  if (dot <= folder) return null;
  return { key: name.slice(0, dot), ending: name.slice(dot + 1).toLowerCase() };
}
