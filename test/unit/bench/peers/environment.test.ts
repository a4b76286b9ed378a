import { describe, expect, it } from "vitest";
import { parseRequirements } from "../../../../bench/peers/environment.ts";

describe("parseRequirements", () => {
  it("reads pinned versions and skips the rest", () => {
    const text = "# why\ndaft==0.7.26\nray[data]==2.60.0\nnot-pinned\n";
    expect(parseRequirements(text)).toEqual({ daft: "0.7.26", ray: "2.60.0" });
  });
});
