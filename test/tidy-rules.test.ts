import { describe, expect, it } from "vitest";
import { findBareDisks, findBareFiles, findUnusedDoors } from "./support/tidy/file-users.ts";
import {
  findBadNames,
  findLongFiles,
  findLongFunctions,
  findPrinting,
  findReExports,
  findStrayUnitTests,
  findUnfinished,
  findWideComments,
} from "./support/tidy/hygiene.ts";
import { findCircles, findFolderCircles, findLayerBreaks } from "./support/tidy/layers.ts";
import { findBrokenLinks } from "./support/tidy/links.ts";
import { findHeavyStarts } from "./support/tidy/loads.ts";
import { findStrayPackages } from "./support/tidy/packages.ts";
import { findProtoBreaks } from "./support/tidy/protos.ts";
import { findImpurities } from "./support/tidy/purity.ts";
import { listed, parseSource } from "./support/tidy/source-file.ts";

/** Each rule must detect its fault in samples, because a check that cannot fail proves nothing. */
describe("the tidy rules", () => {
  const sources = (samples: Record<string, string>) =>
    Object.entries(samples).map(([path, text]) => parseSource(path, text));

  it("find imports of a higher layer, including types, re-exports and dynamic imports", () => {
    const found = findLayerBreaks(
      sources({
        "shared/core/ids.ts": `import { planShards } from "../../coordinator/plan/plan-shards.ts";`,
        "shared/domain/job.ts": `import { sleep } from "../core/abort.ts";\nimport type { Store } from "../storage/storage.ts";`,
        "coordinator/plan/plan-shards.ts": `export { list } from "./discover.ts";\nimport type { File } from "./discover.ts";`,
        "coordinator/plan/discover.ts": `import "../schedule/core.ts";\nawait import("../../cli/main.ts");`,
        "shared/strange.ts": "",
      }),
    );
    expect(listed(found)).toEqual([
      "shared/core/ids.ts:1: imports go down, never up: shared/core imports coordinator/plan/plan-shards.ts of pure parts",
      "shared/domain/job.ts:2: imports go down, never up: shared/domain imports shared/storage/storage.ts of shared seams",
      "coordinator/plan/plan-shards.ts:1: imports go down, never up: pure parts imports coordinator/plan/discover.ts of I/O parts",
      "coordinator/plan/discover.ts:2: imports go down, never up: I/O parts imports cli/main.ts of cli",
      "shared/strange.ts:1: belongs to no layer: see LAYERS in layers.ts",
    ]);
  });

  it("find imports between coordinator and worker in both directions", () => {
    const found = findLayerBreaks(
      sources({
        "coordinator/coordinator.ts": `import { a } from "../worker/lease/a.ts";`,
        "worker/lease/a.ts": `import type { B } from "../../coordinator/journal/record.ts";`,
      }),
    );
    expect(found.map(({ path, line }) => `${path}:${line}`)).toEqual([
      "coordinator/coordinator.ts:1",
      "worker/lease/a.ts:1",
    ]);
  });

  it("find files that bypass shared/storage, and permissions that no file uses", () => {
    const files = sources({
      "coordinator/plan/walk.ts": `import { readdir } from "node:fs/promises";\nimport type { Stats } from "node:fs";`,
      "worker/read/a.ts": `import type { Disk } from "../../shared/core/disk.ts";\nawait import("fs");`,
      "shared/storage/local.ts": `import { open } from "node:fs/promises";\nimport { realDisk } from "../core/disk.ts";`,
      "cli/plan.ts": `import { readFile } from "node:fs/promises";`,
    });
    expect(listed([...findBareFiles(files), ...findBareDisks(files)])).toEqual([
      "coordinator/plan/walk.ts:1: a job's bytes go through shared/storage: node:fs/promises is for FILE_USERS",
      "worker/read/a.ts:2: a job's bytes go through shared/storage: fs is for FILE_USERS",
      "worker/read/a.ts:1: a job's bytes go through shared/storage: Disk is for DISK_USERS",
    ]);
    const unused = findUnusedDoors(files);
    expect(unused).toContain(String(/^worker\/tuning\/tuning-cache\.ts$/));
    expect(unused).not.toContain(String(/^shared\/storage\/local[^/]*\.ts$/));
  });

  it("find comments that are too wide, except for addresses", () => {
    const words = "word ".repeat(25).trim();
    const found = findWideComments(
      sources({
        "shared/core/a.ts": `/**\n * Fits.\n * ${words}\n */\nconst a = 1; // ${words}\n`,
        "shared/core/b.ts": `// https://example.org/${words.replaceAll(" ", "/")}\nconst b = "${words}";\n`,
      }),
    );
    expect(listed(found)).toEqual([
      "shared/core/a.ts:3: a comment is at most 110 wide",
      "shared/core/a.ts:5: a comment is at most 110 wide",
    ]);
  });

  it("find an import cycle once, and accept a diamond of imports", () => {
    const circle = sources({
      "shared/core/a.ts": `import "./b.ts";`,
      "shared/core/b.ts": `import "./c.ts";`,
      "shared/core/c.ts": `\nimport type { A } from "./a.ts";`,
      "shared/core/top.ts": `import "./a.ts";`,
    });
    expect(listed(findCircles(circle))).toEqual([
      "shared/core/c.ts:2: import circle: shared/core/a.ts -> shared/core/b.ts -> shared/core/c.ts -> shared/core/a.ts",
    ]);
    const diamond = {
      "a.ts": `import "./b.ts"; import "./c.ts";`,
      "b.ts": `import "./d.ts";`,
      "c.ts": `import "./d.ts";`,
      "d.ts": "",
    };
    expect(findCircles(sources(diamond))).toEqual([]);
  });

  it("find folders that import each other although no two files do", () => {
    const circle = sources({
      "worker/read/a.ts": `import "./b.ts";\nimport "../write/c.ts";`,
      "worker/read/b.ts": "",
      "worker/write/c.ts": "",
      "worker/write/d.ts": `import "../read/b.ts";`,
    });
    expect(findCircles(circle)).toEqual([]);
    expect(listed(findFolderCircles(circle))).toEqual([
      "worker/write/d.ts:1: folder circle: worker/read -> worker/write -> worker/read",
    ]);
  });

  it.each([
    [`const t = Date.now();`, "a pure file takes no Date.now"],
    [`const t = new Date();`, "a pure file takes no new Date()"],
    [`const t = performance.now();`, "a pure file takes no performance.now"],
    [`const r = Math.random();`, "a pure file takes no Math.random"],
    [`const e = process.env;`, "a pure file takes no process.env"],
    [`const e = process["env"];`, "a pure file takes no process"],
    [`setTimeout(() => {}, 1);`, "a pure file takes no setTimeout()"],
    [`import { readFileSync } from "node:fs";`, "a pure file does no I/O: import of node:fs"],
    [`import { readFile } from "node:fs/promises";`, "a pure file does no I/O: import of node:fs/promises"],
    [`import { connect } from "node:net";`, "a pure file does no I/O: import of node:net"],
    [`import { spawn } from "node:child_process";`, "a pure file does no I/O: import of node:child_process"],
    [
      `import { Worker } from "node:worker_threads";`,
      "a pure file does no I/O: import of node:worker_threads",
    ],
    [`import { randomUUID } from "node:crypto";`, "a pure file takes no randomUUID from node:crypto"],
    [
      `import { systemClock as c } from "../core/clock.ts";`,
      "a pure file takes no systemClock from shared/core/clock.ts",
    ],
  ])("find forbidden code in a pure file: %s", (text, rule) => {
    expect(listed(findImpurities(sources({ "shared/domain/job.ts": text })))).toEqual([
      `shared/domain/job.ts:1: ${rule}`,
    ]);
    expect(findImpurities(sources({ "shared/storage/local.ts": text }))).toEqual([]);
  });

  it("accept types, comments, strings, fixed dates and a file's own names in a pure file", () => {
    const text = `
      import type { MessagePort } from "node:worker_threads";
      import { createHash } from "node:crypto";
      // Date.now() is not called here.
      const said = "Math.random() and process.exit()";
      const then = new Date(0), clock = { performance: 1, Date: { now: 2 } }.performance;`;
    expect(findImpurities(sources({ "shared/domain/job.ts": text }))).toEqual([]);
  });

  it.each([
    ["async function f() {}", "async function"],
    ["const f = async () => 1;", "async function"],
    ["class A { async b() {} }", "async function"],
    ["await f();", "await"],
    ["let p: Promise<void>;", "Promise"],
    ["Promise.resolve();", "Promise"],
  ])("find asynchronous code in the scheduling core only: %s", (text, what) => {
    expect(listed(findImpurities(sources({ "coordinator/schedule/core.ts": text })))).toEqual([
      `coordinator/schedule/core.ts:1: the scheduling core is synchronous: ${what}`,
    ]);
    expect(findImpurities(sources({ "coordinator/plan/plan-shards.ts": text }))).toEqual([]);
  });

  it("find a thread that loads an unneeded library at its start, except types and later imports", () => {
    const found = findHeavyStarts(
      sources({
        "worker/a.ts": `const url = compiledUrl("worker/thread.ts");\nconst other = compiledUrl("worker/other.ts");`,
        "worker/thread.ts": `import { form } from "../shared/form.ts";`,
        "shared/form.ts": `import { spec } from "./spec.ts";`,
        "shared/spec.ts": `import * as z from "zod";`,
        "worker/other.ts": `import type * as z from "zod";\nconst later = () => import("../shared/spec.ts");`,
      }),
    );
    expect(listed(found)).toEqual([
      "worker/thread.ts:1: loads at its start zod by shared/spec.ts by shared/form.ts",
    ]);
  });

  it("find imports of a library outside its folders, and libraries that package.json does not name", () => {
    const found = findStrayPackages(
      sources({
        "worker/lease/lease.ts": `import grpc from "@grpc/grpc-js";\nimport type { Table } from "apache-arrow";`,
        "shared/wire/rpc.ts": `import grpc from "@grpc/grpc-js/build/x.js";\nimport fs from "node:fs";`,
        "shared/onnx/model.ts": `import proto from "onnx-proto";\nimport ort from "onnxruntime-node";`,
        "test/a.test.ts": `import proto from "onnx-proto";\nimport left from "left-pad";`,
      }),
      {
        product: {
          dependencies: { "apache-arrow": "1", "onnxruntime-node": "1" },
          devDependencies: { "@grpc/grpc-js": "1" },
        },
        tools: { devDependencies: { "onnx-proto": "1" } },
      },
    );
    expect(listed(found)).toEqual([
      "worker/lease/lease.ts:1: @grpc/grpc-js is imported only in shared/wire/ and coordinator/grpc/ and coordinator/access/",
      "shared/onnx/model.ts:1: onnx-proto is not named in package.json",
      "test/a.test.ts:2: left-pad is not named in package.json",
    ]);
  });

  it("find barrels, long files, bad names, printing, unfinished marks and unit tests without a source", () => {
    const bad = sources({
      "shared/core/index.ts": `export * from "./ids.ts";\nexport { a } from "./abort.ts";`,
      "shared/core/errors.ts": `export { ERROR_CODES } from "./error-codes.ts";`,
      "shared/core/leaseBook.ts": "x;\n".repeat(301),
      "shared/core/lease-book.ts": "x;\n".repeat(300),
      "worker/process/worker.ts": `const s = "console.log TODO";\nconsole.log(s);\n// ${"TO"}DO: more`,
      "cli/main.ts": "console.log(1);",
      "test/unit/shared/core/ids.test.ts": "",
      "test/unit/shared/crypto/ids.test.ts": "",
    });
    const checks = [
      findReExports,
      findLongFiles,
      findBadNames,
      findPrinting,
      findUnfinished,
      findStrayUnitTests,
    ];
    expect(listed(checks.flatMap((check) => check(bad)))).toEqual([
      "shared/core/index.ts:1: no barrels: import ./ids.ts where it is used",
      "shared/core/index.ts:2: no barrels: import ./abort.ts where it is used",
      "shared/core/leaseBook.ts:301: a file has at most 300 lines, this has 301",
      "shared/core/leaseBook.ts:1: file names are kebab-case",
      "worker/process/worker.ts:2: only cli/, examples/, bench/ and fault/ use console",
      `worker/process/worker.ts:3: nothing is left unfinished: ${"TO"}DO in a comment`,
      "test/unit/shared/crypto/ids.test.ts:1: a unit test mirrors the source: there is no shared/crypto/",
    ]);
  });

  it("find functions of more than 60 lines, except those of tests", () => {
    const lines = (count: number) => "\n".repeat(count - 1);
    const text = `function a() {${lines(60)}}\nconst b = () => {${lines(61)}};\nclass C { d() {${lines(62)}} }`;
    expect(listed(findLongFunctions(sources({ "shared/core/a.ts": text, "test/a.test.ts": text })))).toEqual([
      "shared/core/a.ts:61: a function has at most 60 lines, this has 61",
      "shared/core/a.ts:122: a function has at most 60 lines, this has 62",
    ]);
  });

  it("find proto files with another package, two services, shared messages or enums without UNSPECIFIED", () => {
    const jobs = `package shardmill.v1;
service Jobs { // one
  rpc GetJob(GetJobRequest) returns (stream GetJobResponse);
  rpc FindJob(GetJobRequest) returns (FindJobResponse);
}
service More {}
enum Good {
  // Unset.
  GOOD_UNSPECIFIED = 0;
}
enum Bad {
  BAD_ONE = 0;
}`;
    expect(
      listed(
        findProtoBreaks(
          new Map([
            ["a.proto", jobs],
            ["b.proto", "package other;"],
          ]),
        ),
      ),
    ).toEqual([
      "a.proto:4: each call has its own request and response: GetJobRequest is also of a.proto:3",
      "a.proto:6: one service a file",
      "a.proto:11: enum Bad starts with ..._UNSPECIFIED = 0",
      "b.proto:1: is not in package shardmill.v1;",
    ]);
  });

  it("find links to missing files and headings outside code", () => {
    const readme = `# Shardmill
[plan](docs/plan.md) [gone](docs/gone.md) ![picture](docs/a.png) [web](https://example.org/x.md)
[a heading](docs/plan.md#the-plan-in-short) [none](docs/plan.md#nothing) [here](#shardmill) [folder](docs/)
\`[code](no.md)\`
\`\`\`
[block](no.md)
\`\`\``;
    const pages = new Map([
      ["README.md", readme],
      ["docs/plan.md", "## The plan, in short\n[up](../README.md) [bad](README.md)"],
    ]);
    const there = new Set(["docs/a.png", "docs/"]);
    expect(listed(findBrokenLinks(pages, (path) => there.has(path)))).toEqual([
      "README.md:2: the link to docs/gone.md leads nowhere",
      "README.md:3: docs/plan.md has no heading #nothing",
      "docs/plan.md:2: the link to README.md leads nowhere",
    ]);
  });
});
