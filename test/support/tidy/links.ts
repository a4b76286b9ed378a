import { posix } from "node:path";
import type { Finding } from "./source-file.ts";

const LINK = /\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)/g;
const ELSEWHERE = /^([a-z][a-z0-9+.-]*:|\/\/)/i;

/**
 * Finds relative links in Markdown pages to missing files or headings.
 *
 * @param exists returns true when a path from the project's root is a file or a folder
 */
export function findBrokenLinks(
  pages: ReadonlyMap<string, string>,
  exists: (path: string) => boolean,
): Finding[] {
  return [...pages].flatMap(([path, text]) =>
    proseLines(text).flatMap((prose, index) =>
      [...prose.matchAll(LINK)].flatMap(([, link = ""]) => {
        if (ELSEWHERE.test(link)) return [];
        const [file = "", anchor] = decodeURI(link).split("#");
        const target = file === "" ? path : posix.join(posix.dirname(path), file);
        const page = pages.get(target);
        const report = (rule: string) => [{ path, line: index + 1, rule }];
        if (page === undefined && !exists(target)) return report(`the link to ${link} leads nowhere`);
        if (anchor === undefined || page === undefined || anchorsOf(page).has(anchor)) return [];
        return report(`${target} has no heading #${anchor}`);
      }),
    ),
  );
}

/** Returns the lines of a page, with code blanked: a link in an example is no link. */
function proseLines(page: string): string[] {
  let fenced = false;
  return page.split("\n").map((line) => {
    const fence = /^\s*(```|~~~)/.test(line);
    if (fence) fenced = !fenced;
    return fence || fenced ? "" : line.replace(/`[^`]*`/g, "");
  });
}

/** Returns the anchors of headings, as GitHub names them. The second heading of a name gets `-1`. */
function anchorsOf(page: string): Set<string> {
  const anchors = new Set<string>();
  for (const heading of headingsOf(page)) {
    const name = heading
      .toLowerCase()
      .replace(/[^\p{Letter}\p{Number}\s_-]/gu, "")
      .trim()
      .replace(/\s/g, "-");
    let anchor = name;
    for (let copy = 1; anchors.has(anchor); copy += 1) anchor = `${name}-${copy}`;
    anchors.add(anchor);
  }
  return anchors;
}

function headingsOf(page: string): string[] {
  let fenced = false;
  return page.split("\n").flatMap((line) => {
    if (/^\s*(```|~~~)/.test(line)) fenced = !fenced;
    const heading = fenced ? undefined : /^#{1,6}\s+(.+?)\s*#*$/.exec(line)?.[1];
    return heading === undefined ? [] : [heading];
  });
}
