import { expect, it } from "vitest";
import { listed, parseSource } from "./support/tidy/source-file.ts";
import { findHeavyUnitTests } from "./support/tidy/unit-tests.ts";

it("the rule finds unit tests that need a machine, directly or through their imports", () => {
  const bad = Object.entries({
    "test/unit/shared/core/a.test.ts": 'import { aFolder } from "../../../support/folders.ts";\naFolder();',
    "test/unit/shared/core/b.test.ts": "setTimeout(() => {}, 5);",
    "test/unit/shared/core/c.test.ts": 'import type { Dirent } from "node:fs";\nDate.parse("2026");',
    "test/unit/shared/core/d.test.ts": 'import { systemClock } from "../../../../shared/core/clock.ts";',
    "test/machine/shared/core/e.test.ts": 'import "node:fs";',
    "test/support/folders.ts":
      'import { mkdtemp } from "node:fs/promises";\nexport const aFolder = () => mkdtemp("a");',
  }).map(([path, text]) => parseSource(path, text));
  expect(listed(findHeavyUnitTests(bad))).toEqual([
    "test/unit/shared/core/a.test.ts:1: a unit test needs no machine: node:fs/promises by test/support/folders.ts",
    "test/unit/shared/core/b.test.ts:1: a unit test needs no machine: setTimeout",
    "test/unit/shared/core/d.test.ts:1: a unit test needs no machine: systemClock",
  ]);
});
