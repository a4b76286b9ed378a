import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bothAllow, isAllowed, parseAllowed } from "../../../../shared/domain/allowed-locations.ts";
import { parseLocation, viaCoordinator } from "../../../../shared/domain/location.ts";
import { needs } from "../../../support/needs.ts";

function allows(allowed: readonly string[], location: string): boolean {
  return isAllowed(parseLocation(location), allowed);
}

describe("an allowed location", () => {
  test.each([
    ["/data", ["/data", "/data/", "/data/a/b.parquet", "/data//a", "/x/../data/a", "file:///data/a%20b"]],
    ["/data/", ["/data", "/data/a"]],
    ["/", ["/", "/etc/passwd"]],
    ["s3://corpus", ["s3://corpus", "s3://corpus/", "s3://corpus/a/b", "S3://corpus/a"]],
    ["s3://corpus/2026/", ["s3://corpus/2026/a.parquet", "s3://corpus/2026"]],
    ["s3://", ["s3://any/thing", "s3://any/a/../b"]],
    [
      "https://host/files",
      [
        "https://host/files/a",
        "https://HOST:443/files/a?b=c",
        "https://u:p@host/files",
        "https://host/x/../files/a",
        "https://host/%66iles/a",
      ],
    ],
    ["http://[::1]:9000", ["http://[::1]:9000/a", "http://[0:0:0:0:0:0:0:1]:9000/a"]],
  ])("%s allows itself and all locations below it", (place, locations) => {
    const allowed = parseAllowed([place], "--allow-locations");
    expect(locations.filter((location) => !allows(allowed, location))).toEqual([]);
  });

  test.each([
    ["/data", ["/", "/data2", "/dat", "/Data/a", "/data/../etc/passwd", "/data/a/../../etc", "s3://data/a"]],
    [
      "s3://corpus",
      [
        "s3://corpus2/a",
        "s3://corpu",
        "s3://Corpus/a",
        "s3://a/corpus",
        "/corpus",
        "s3://corpus.evil/a",
        "s3://x@corpus/a",
      ],
    ],
    [
      "s3://corpus/2026",
      [
        "s3://corpus/2026b/a",
        "s3://corpus/",
        "s3://corpus/2026/../2025/a",
        "s3://corpus/2026/./a",
        "s3://corpus/%32026/a",
      ],
    ],
    [
      "https://host/files",
      [
        "http://host/files/a",
        "https://host/filesystem",
        "https://host:444/files/a",
        "https://host.evil/files/a",
        "https://host@evil/files/a",
        "https://evil/host/files",
        "https://host/files/../x",
        "https://host/files/%2e%2e/x",
        "https://host/files/..%2fx",
        "https://host/files/..%5Cx",
        "https://host/files/%2e%2e%2fx",
      ],
    ],
    ["s3://", ["https://s3/a", "/s3:/a"]],
    ["none", ["/", "s3://a/b", "https://a/b"]],
  ])("%s allows no other location", (place, locations) => {
    const allowed = parseAllowed([place], "--allow-locations");
    expect(locations.filter((location) => allows(allowed, location))).toEqual([]);
  });

  needs(
    "s3",
    "gcs",
    "azure",
  )("an allowed location matches only its own kind of store and its own account", () => {
    const allow = (place: string, location: string) =>
      allows(parseAllowed([place], "--allow-locations"), location);
    expect(allow("az://box/in", "az://box/in/a")).toBe(true);
    const account = "abfss://box@account.dfs.core.windows.net";
    expect(allow(account, `${account}/a`)).toBe(true);
    expect(allow(account, "abfss://box@another.dfs.core.windows.net/a")).toBe(false);
    expect(allow(account, "abfss://other@account.dfs.core.windows.net/a")).toBe(false);
    expect(allow("s3://corpus", "gs://corpus/a")).toBe(false);
    expect(allow("s3://", "gs://a/b")).toBe(false);
  });

  test("a list of locations is parsed, and all invalid ones are reported at once", () => {
    expect(parseAllowed(["/data", "s3://a"], "--x")).toEqual(["/data", "s3://a"]);
    const wrong = ["data", "ftp://a", "none", "s3://a/../b", "s3", "s3:///a"];
    let problems: readonly { readonly where: string }[] = [];
    try {
      parseAllowed([...wrong, "/data"], "--allow-locations");
    } catch (error) {
      ({ problems } = error as { problems: typeof problems });
    }
    expect(problems.map(({ where }) => where)).toEqual(wrong.map(() => "--allow-locations"));
  });

  test("a location that is read through the coordinator is always allowed", () => {
    expect(isAllowed(viaCoordinator(parseLocation("/etc/passwd")), [])).toBe(true);
  });
});

/** Names as users and attackers write them. */
const name = fc.oneof(
  fc.constantFrom(
    "a",
    "b",
    "A",
    "a b",
    ".a",
    "a.",
    "ä",
    "%61",
    "%2e%2e",
    "..",
    ".",
    "a%2fb",
    "a%2f..",
    "a\\b",
    "..\\a",
  ),
  fc.string({ minLength: 1, maxLength: 4 }).filter((text) => !/[/\0?#]/.test(text)),
);
const root = fc.constantFrom(
  "",
  "s3://bucket",
  "s3://bucket2",
  "gs://bucket",
  "https://host",
  "https://host:8443",
  "http://host",
);
const place = fc
  .tuple(root, fc.array(name, { maxLength: 4 }))
  .map(([at, names]) => `${at}/${names.join("/")}`);

function isParsed(text: string): boolean {
  try {
    parseLocation(text);
    return true;
  } catch {
    return false;
  }
}

test("a location that any reader would interpret as outside the allowed one is refused", () => {
  fc.assert(
    fc.property(place.filter(isParsed), place.filter(isParsed), (allowedText, text) => {
      let allowed: readonly string[];
      try {
        allowed = parseAllowed([allowedText], "--x");
      } catch {
        return;
      }
      if (!allows(allowed, text)) return;
      // Read as a browser, a disk and a careless gateway would: decoded repeatedly, and normalized.
      const [wanted, requested] = [allowedText, text].map(folded);
      expect(`${requested}/`.startsWith(wanted === "" ? "/" : `${wanted}/`) || wanted === requested).toBe(
        true,
      );
    }),
    { numRuns: 20_000 },
  );
});

function folded(text: string): string {
  const isWeb = /^https?:/.test(text);
  let href = isWeb ? new URL(text).href : text;
  if (isWeb) {
    try {
      href = decodeURIComponent(href);
    } catch {
      // The name is not encoded.
    }
  }
  const [, at = "", path = ""] = /^([a-z0-9]+:\/\/[^/]*|)(.*)$/s.exec(href) ?? [];
  const names: string[] = [];
  for (const part of (isWeb ? path.replaceAll("\\", "/") : path).split("/")) {
    if (part === "..") names.pop();
    else if (part !== "" && part !== ".") names.push(part);
  }
  return [at, ...names].join("/");
}

test("the locations that two operators allow together are those that each of them allows", () => {
  const names = fc.constantFrom("a", "b", "ab");
  const place = fc
    .tuple(
      fc.constantFrom("s3://box", "s3://box2", "/data", "https://host"),
      fc.array(names, { maxLength: 3 }),
    )
    .map(([root, below]) => [root, ...below].join("/"));
  const list = fc.array(
    fc.oneof({ weight: 5, arbitrary: place }, { weight: 1, arbitrary: fc.constant("s3://") }),
    {
      maxLength: 3,
    },
  );
  fc.assert(
    fc.property(list, list, place, (some, others, location) => {
      const both = allows(some, location) && allows(others, location);
      expect(allows(bothAllow(some, others), location)).toBe(both);
      expect(allows(bothAllow(others, some), location)).toBe(both);
    }),
  );
});
