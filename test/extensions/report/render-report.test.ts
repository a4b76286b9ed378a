import { readFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { type DefaultTreeAdapterTypes, parse } from "parse5";
import { describe, expect, test } from "vitest";
import { packMap } from "../../../coordinator/insight/shard-map.ts";
import { buildManifest, type ManifestFacts } from "../../../coordinator/publish/layout.ts";
import { manifestText, parseManifest } from "../../../coordinator/publish/read-manifest.ts";
import { renderReport } from "../../../extensions/report/render-report.ts";
import { packageRoot } from "../../../shared/core/package-root.ts";
import type { OutputManifest } from "../../../shared/domain/manifest.ts";
import { NO_RUN } from "../../../shared/domain/run-facts.ts";
import type { RunHistory } from "../../../shared/domain/run-history.ts";
import { SPAN_ENDS } from "../../../shared/domain/span-ends.ts";
import { rowCounts } from "../../support/builders.ts";
import { aDigest, aJobId } from "../../support/ids.ts";
import { aTaskRun } from "../../support/job-status.ts";
import { HISTORY } from "../../support/run-history.ts";

type Element = DefaultTreeAdapterTypes.Element;
type Node = DefaultTreeAdapterTypes.Node;

const FACTS: ManifestFacts = {
  job: { id: aJobId("digits-1"), name: "digits" },
  digests: { spec: aDigest("s".repeat(64)), input: aDigest("i"), model: aDigest("m") },
  run: {
    ...NO_RUN,
    rowsTotal: 9,
    shardsCommitted: 3,
    bottleneck: "infer",
    stages: { infer: 0.93, read: 0.1 },
  },
  counts: rowCounts(7),
  builds: ["0.1.0"],
  versions: { shardmill: "0.1.0", node: "20.0.0" },
};
const FILES = [
  { path: "rows/part-00000.parquet", kind: "rows", rows: 7, bytes: 1, sha256: aDigest("a".repeat(64)) },
  { path: "_errors/part-00000.pq", kind: "errors", rows: 2, bytes: 1, sha256: aDigest("b".repeat(64)) },
] as const;

function aManifest(history: RunHistory | null = HISTORY, more: Partial<ManifestFacts> = {}): OutputManifest {
  return buildManifest({ ...FACTS, history, ...more }, FILES);
}

/** Returns all elements of a page, as a browser would make them. */
function elementsOf(page: string): Element[] {
  const found: Element[] = [];
  const walk = (node: Node) => {
    if ("tagName" in node) found.push(node);
    if ("childNodes" in node) for (const child of node.childNodes) walk(child);
  };
  walk(parse(page));
  return found;
}

function textOf(node: Node): string {
  if ("value" in node) return node.value;
  return "childNodes" in node ? node.childNodes.map(textOf).join("") : "";
}

function textOfPage(page: string): string {
  const body = elementsOf(page).find(({ tagName }) => tagName === "body");
  if (body === undefined) throw new Error("the page has no body");
  return textOf(body);
}

describe("a report", () => {
  test("a report shows the job, the bottleneck, the workers, the dead letters and the versions", () => {
    const text = textOfPage(renderReport(aManifest()));
    for (const part of [
      "Job digits-1, by Shardmill 0.1.0, begun 2026-01-01 00:00:00 (UTC)",
      "Limited by the stage infer.",
      "93 %",
      "node1-cpu0",
      "shard 0, 1 s to 2.5 s: committed",
      "2 rows could not be mapped.",
      "a.parquet row 3",
      "s".repeat(64),
      "Workers were connected for 8.5 s in total.",
    ])
      expect(text).toContain(part);
  });

  test("the map of shards is shown if an attempt failed, in a limited number of cells", () => {
    const withMap = (cells: Uint8Array) => renderReport(aManifest({ ...HISTORY, map: packMap(cells) }));
    expect(textOfPage(withMap(new Uint8Array(500).fill(3)))).not.toContain("In the order of the plan");
    const few = textOfPage(withMap(Uint8Array.of(3, 3, 3 + 8 + 32, 4)));
    for (const part of [
      "shards 0 to 1: committed",
      "shard 2: committed, failed before, with dead letters",
      "shard 3: given up",
    ])
      expect(few).toContain(part);
    const many = new Uint8Array(200_000).map((_, at) => (at % 7 === 0 ? 4 : 3));
    const page = withMap(many);
    expect(elementsOf(page).filter(({ tagName }) => tagName === "rect").length).toBeLessThan(2_100);
    expect(textOfPage(page)).toContain("A cell shows the worst of 100 shards");
  });

  test("each end of an attempt has its own style, in the report and in the page", async () => {
    const page = await readFile(join(packageRoot, "page", "page.css"), "utf8");
    for (const style of [renderReport(aManifest()), page])
      for (const end of [...SPAN_ENDS, "running"]) expect(style).toMatch(new RegExp(`\\.span\\.${end}\\b`));
  });

  test("restarts of the coordinator are shown, and the time without one is not counted", () => {
    const periods = [
      { from: 0, to: 10 },
      { from: 70, to: 80 },
    ];
    const text = textOfPage(renderReport(aManifest({ ...HISTORY, seconds: 80, periods })));
    expect(text).toContain("The coordinator was restarted once: nothing is known from 10 s to 1 min 10 s.");
    expect(text).toMatch(/rows a second\s*0\.45/);
    const many = Array.from({ length: 9 }, (_, at) => ({ from: 10 * at, to: 10 * at + 5 }));
    expect(textOfPage(renderReport(aManifest({ ...HISTORY, seconds: 85, periods: many })))).toMatch(
      /restarted 8 times; of the last, nothing is known from 35 s to 40 s(, [^,.]+ to [^,.]+){4}\./,
    );
  });

  test("the cost is shown only where a price is given", () => {
    expect(textOfPage(renderReport(aManifest()))).not.toContain("At ");
    const priced = renderReport(aManifest({ ...HISTORY, workerSeconds: 7_200 }), { pricePerHour: 1.5 });
    expect(textOfPage(priced)).toContain("At 1.5 per worker hour, that is 3.00.");
  });

  test("a report is made from a manifest without a history", () => {
    const text = textOfPage(renderReport(aManifest(null)));
    expect(text).toContain("digits-1");
    expect(text).not.toContain("Workers over time");
  });

  test("a report is the same after the manifest was written and read", () => {
    const manifest = aManifest(HISTORY, { spec: { name: "digits", reduce: { n: "SELECT 1" } } });
    expect(renderReport(parseManifest(manifestText(manifest), "m"))).toBe(renderReport(manifest));
    expect(textOfPage(renderReport(manifest))).toContain('"n": "SELECT 1"');
  });

  test("a report loads no resource, runs no script and has unique ids", () => {
    const elements = elementsOf(renderReport(aManifest()));
    const attributes = elements.flatMap(({ attrs }) => attrs);
    expect(
      attributes.map(({ name }) => name).filter((name) => /^(src|href|on.*|srcset|data|action)$/.test(name)),
    ).toEqual([]);
    expect(elements.map(({ tagName }) => tagName)).not.toEqual(expect.arrayContaining(["script"]));
    const ids = attributes.filter(({ name }) => name === "id").map(({ value }) => value);
    expect(new Set(ids).size).toBe(ids.length);
    expect(renderReport(aManifest())).not.toMatch(/https?:|@import|url\((?!#)/);
  });
});

test("the time line of 200 workers draws 48 of them with a note, and the table has all", () => {
  const [one] = HISTORY.workers;
  if (one === undefined) throw new Error("the history has no workers");
  const workersOf = (count: number) =>
    Array.from({ length: count }, (_, index) => ({ ...one, name: `node-${index}-cuda` }));
  const drawnOf = (page: string) =>
    elementsOf(page).filter(
      ({ tagName, attrs }) => tagName === "text" && attrs.some(({ value }) => value === "name"),
    ).length;
  const many = renderReport(aManifest({ ...HISTORY, workers: workersOf(200) }));
  expect(drawnOf(many)).toBe(48);
  expect(textOfPage(many)).toContain("48 of 200 workers are drawn");
  expect(textOfPage(many)).toContain("node-199-cuda");
  const few = renderReport(aManifest({ ...HISTORY, workers: workersOf(48) }));
  expect(drawnOf(few)).toBe(48);
  expect(textOfPage(few)).not.toContain("are drawn");
});

/** Texts of known attacks on pages, and any others. */
const hostile = fc.oneof(
  fc.constantFrom(
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</title></style></pre><svg onload=alert(1)>",
    "' onmouseover='alert(1)",
    "&lt;b&gt; &amp;",
    "<!-- -->",
    "]]><![CDATA[",
    "javascript:alert(1)",
    "a\u202etxt.exe\u0000\u001b[31m",
  ),
  fc.string({ unit: "binary", maxLength: 40 }),
);

/** Returns the elements of a page and their attributes' names, which no text may change. */
function shapeOf(page: string): string[] {
  return elementsOf(page).map(
    ({ tagName, attrs }) => `${tagName} ${attrs.map(({ name }) => name).join(" ")}`,
  );
}

test("a report has the tasks of reductions, and one of an earlier version has none", () => {
  const tasks = [aTaskRun({ done: 64, heavyKeys: [{ key: "url = <b>", rows: 340 }] })];
  const manifest = aManifest(HISTORY, { run: { ...FACTS.run, tasks } });
  const text = textOf(parse(renderReport(parseManifest(manifestText(manifest), "/m"))));
  expect(text).toContain("visits: 64 on 3 workers, 12.3s, url = <b> has 34 % of the rows");
  const { tasks: _tasks, ...earlier } = manifest;
  const read = parseManifest(JSON.stringify(earlier), "/m");
  expect(read.tasks).toEqual([]);
  expect(renderReport(read)).not.toContain("visits");
});

test("names, paths and messages of any content are shown as text and add no elements", () => {
  const of = (text: string) => {
    const [worker] = HISTORY.workers;
    if (worker === undefined) throw new Error("the history has no workers");
    const history: RunHistory = {
      ...HISTORY,
      slowest: [{ shard: 0, worker: text, seconds: 1 }],
      workers: [{ ...worker, name: text }],
      deadLetters: [{ stage: "infer", code: text, shards: 1, file: text, row: 1, message: text }],
    };
    const files = FILES.map((file) => ({ ...file, path: `${file.kind}/${text}` }));
    return renderReport({
      ...aManifest(history, {
        job: { id: aJobId(text), name: text },
        spec: { note: text },
        versions: { [text]: text },
      }),
      files,
    });
  };
  const shape = shapeOf(of("plain"));
  expect(shape.length).toBeGreaterThan(100);
  fc.assert(
    fc.property(hostile, (text) => {
      const page = of(text);
      expect(shapeOf(page)).toEqual(shape);
      expect(/[\p{Cc}\p{Bidi_Control}]/u.test(page.replace(/[\n\t]/g, ""))).toBe(false);
      const isPlain = !/[\p{Cc}\p{Bidi_Control}\p{Cs}]/u.test(text);
      if (isPlain) expect(textOfPage(page).split(text).length).toBeGreaterThan(5);
    }),
    { numRuns: 300 },
  );
});
