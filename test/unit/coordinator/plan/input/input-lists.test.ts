import { expect, test } from "vitest";
import { FolderValuesOfFolders } from "../../../../../coordinator/plan/input/folder-values.ts";
import { expandInput } from "../../../../../coordinator/plan/input/input-lists.ts";
import { listPath } from "../../../../../coordinator/plan/input/list-path.ts";
import { NEVER } from "../../../../../shared/core/abort.ts";
import { type Location, parseLocation } from "../../../../../shared/domain/location.ts";
import { literalPattern, literalText, namesOfFolder } from "../../../../../shared/job-file/path-pattern.ts";
import { MemoryStorage } from "../../../../../shared/storage/memory.ts";
import { Storages } from "../../../../../shared/storage/open-storage.ts";
import { sourceOfBytes } from "../../../../../shared/storage/put-source.ts";

async function expand(
  lists: Readonly<Record<string, string>>,
  paths: readonly string[],
  format: "auto" | "csv" | "parquet" = "auto",
) {
  const storage = new MemoryStorage();
  for (const [name, text] of Object.entries(lists))
    await storage.put(parseLocation(name), sourceOfBytes(text), { signal: NEVER });
  const open = async () => storage;
  await using storages = new Storages({ file: open, s3: open, https: open });
  const addresses: Record<Location, string> = {};
  const expanded = await expandInput(paths, {
    format,
    storages,
    match: (path) => listPath(path, { format: "csv", options: {}, ownOutput: null, storages, signal: NEVER }),
    addresses,
    signal: NEVER,
  });
  const problems = expanded.problems.map(({ where, what }) => `${where}: ${what}`);
  return { paths: expanded.named.map(({ path }) => path), problems, addresses, named: expanded.named };
}

test("a list is replaced by its lines in order, each with its place, without comments and blank lines", async () => {
  const { paths, problems, named } = await expand(
    {
      "/jobs/in.txt":
        "# some\n\n.\n..\n ./a.parquet \r\n../b[1].arrow\r/c/d=1\ns3://bucket/k\nhttps://h/e.csv\n",
    },
    ["/first/*.parquet", "/jobs/in.txt", "/last"],
  );
  expect(problems).toEqual([]);
  const listed = ["/jobs", "/", "/jobs/a.parquet", "/b[1].arrow", "/c/d=1", "s3://bucket/k"].map(
    literalPattern,
  );
  expect(paths).toEqual(["/first/*.parquet", ...listed, "https://h/e.csv", "/last"]);
  expect(named.at(4)).toMatchObject({ where: "/jobs/in.txt line 6" });
});

test("lines of a list in a bucket may be relative, and those of a list on the web may not", async () => {
  const { paths, problems } = await expand(
    {
      "s3://bucket/lists/in.txt": "a.parquet\n./b/c.parquet",
      "https://host/in.txt": "a.parquet\nhttps://host/b.arrow",
    },
    ["s3://bucket/lists/in.txt", "https://host/in.txt"],
  );
  expect(paths).toEqual([
    "s3://bucket/lists/a.parquet",
    "s3://bucket/lists/b/c.parquet",
    "https://host/b.arrow",
  ]);
  expect(problems).toEqual([expect.stringMatching(/^https:\/\/host\/in\.txt line 1: /)]);
});

test("each invalid line of a list is a problem with its line number, and so is a missing list", async () => {
  const { problems } = await expand({ "/in.txt": "https://\nftp://host/x\nmore.txt\ns3://evil?/x" }, [
    "/in.txt",
    "/none.txt",
  ]);
  expect(problems).toEqual([
    expect.stringMatching(/^\/in\.txt line 1: is not a web address/),
    expect.stringMatching(/^\/in\.txt line 2: addresses are not supported/),
    expect.stringMatching(/^\/in\.txt line 3: names another list/),
    expect.stringMatching(/^\/in\.txt line 4: no bucket can have this name/),
    expect.stringMatching(/^\/none\.txt: a list that cannot be read/),
  ]);
});

test("folders in a line of a list become columns, and the folders that hold the list do not", async () => {
  const { paths } = await expand(
    {
      "/env=prod/day=1/in.txt": "a.parquet\n./lang=de/b.parquet\n../lang=fr/c.parquet\n/day=2/d.parquet",
      "s3://bucket/day=1/in.txt": "lang=de/a.parquet\ns3://bucket/day=2/b.parquet",
    },
    ["/env=prod/day=1/in.txt", "s3://bucket/day=1/in.txt"],
  );
  const columns = paths.map((path) => {
    const location = parseLocation(literalText(path));
    const values = new FolderValuesOfFolders().file(location, namesOfFolder(path));
    return [location, values.map(({ name, value }) => `${name}=${value}`)];
  });
  expect(columns).toEqual([
    ["/env=prod/day=1/a.parquet", []],
    ["/env=prod/day=1/lang=de/b.parquet", ["lang=de"]],
    ["/env=prod/lang=fr/c.parquet", ["lang=fr"]],
    ["/day=2/d.parquet", ["day=2"]],
    ["s3://bucket/day=1/lang=de/a.parquet", ["lang=de"]],
    ["s3://bucket/day=2/b.parquet", ["day=2"]],
  ]);
});

test("a pattern of lists is replaced by the matching lists in the order of their paths", async () => {
  const lists = {
    "/lists/b.txt": "b.parquet",
    "/lists/a.txt": "a.parquet\nmore.txt",
    "/lists/_hidden.txt": "c.parquet",
    "/lists/data.parquet": "",
  };
  for (const format of ["auto", "parquet"] as const) {
    const { paths, problems } = await expand(lists, ["/lists/*.txt"], format);
    expect(paths).toEqual(["/lists/a.parquet", "/lists/b.parquet"]);
    expect(problems).toEqual([expect.stringMatching(/a\.txt line 2: names another list/)]);
  }
  expect((await expand(lists, ["/lists/*.txt"], "csv")).paths).toEqual(["/lists/*.txt"]);
  expect((await expand(lists, ["/none/*.txt"])).problems).toHaveLength(1);
});

test("a text file of data or a folder is not read as a list, whatever its name", async () => {
  expect((await expand({ "/in.txt": "a,b" }, ["/in.txt"], "csv")).paths).toEqual(["/in.txt"]);
  expect((await expand({ "/in.txt": "a.bin" }, ["/in.txt"], "parquet")).paths).toEqual(["/a.bin"]);
  expect((await expand({ "/in.txt/a.parquet": "x" }, ["/in.txt"])).paths).toEqual(["/in.txt"]);
});

test("secrets of addresses are stored apart from paths, up to the limit of a message to a worker", async () => {
  const one = await expand({}, ["https://me:pw@h/a.parquet?sig=1", "https://h/b.parquet"]);
  expect(one.paths).toEqual(["https://h/a.parquet", "https://h/b.parquet"]);
  expect(one.addresses).toEqual({ "https://h/a.parquet": "https://me:pw@h/a.parquet?sig=1" });
  const many = Array.from({ length: 9_000 }, (_, at) => `https://h/${at}.parquet?sig=${"x".repeat(1_000)}`);
  expect((await expand({ "/in.txt": many.join("\n") }, ["/in.txt"])).problems).toEqual([
    expect.stringMatching(/signed addresses that are too long/),
  ]);
});

test("two addresses that differ only in their signature are refused as ambiguous", async () => {
  const { problems } = await expand(
    { "/in.txt": "https://h/export.parquet?token=aaa\nhttps://h/export.parquet?token=bbb" },
    ["/in.txt"],
  );
  expect(problems).toEqual([expect.stringMatching(/^\/in\.txt line 2: is named twice/)]);
  expect(problems.join()).not.toMatch(/aaa|bbb/);
  const same = await expand({}, ["https://h/a.parquet?token=a", "https://h/a.parquet?token=a"]);
  expect(same.problems).toEqual([]);
  const others = await expand({}, ["https://h/get.parquet?id=1&sig=x", "https://h/get.parquet?id=2&sig=x"]);
  expect(others.problems).toEqual([]);
});
